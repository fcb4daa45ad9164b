select
    scans.event_id,
    scans.parcel_id,
    case when scans.biz_step = 'receiving' then cast(1 as bigint) end as arrived,
    case when scans.biz_step = 'departing' then cast(1 as bigint) end as departed,
    case when scans.biz_step = 'holding' then cast(1 as bigint) end as held,
    {{ epoch_us('scans.effective_at') }} as effective_us,
    coalesce(entries.entered_us, scans.observed_us) as observed_us
from {{ ref('stg_transport__scans') }} as scans
left join ({{ entries('movements') }}) as entries
    on scans.event_id = entries.event_id
where scans.biz_step <> 'accepting'

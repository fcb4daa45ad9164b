select
    scans.event_id,
    scans.parcel_id,
    scans.associate_id,
    case when scans.shift is not null then concat(scans.site_id, '/', scans.shift) end as shift_class,
    scans.weight_g as packed_g,
    {{ epoch_us('scans.effective_at') }} as effective_us,
    coalesce(entries.entered_us, scans.observed_us) as observed_us
from {{ ref('stg_warehouse__scans') }} as scans
left join ({{ entries('packings') }}) as entries
    on scans.event_id = entries.event_id
where scans.biz_step = 'packing'

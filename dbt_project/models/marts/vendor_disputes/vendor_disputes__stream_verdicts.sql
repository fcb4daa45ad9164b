select
    verdicts.event_id as event_id,
    verdicts.vendor_id,
    verdicts.buyer_id,
    verdicts.vendor_item_id,
    verdicts.change,
    case when verdicts.change = 1 then cast(1 as bigint) end as confirmed,
    verdicts.effective_us,
    coalesce(entries.entered_us, verdicts.observed_us) as observed_us
from {{ ref('int_vendor_disputes__verdicts') }} as verdicts
left join ({{ entries('verdicts') }}) as entries
    on verdicts.event_id = entries.event_id

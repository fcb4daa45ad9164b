select
    adjustments.adjustment_id as event_id,
    adjustments.associate_id,
    case when adjustments.shift is not null then concat(adjustments.site_id, '/', adjustments.shift) end as shift_class,
    case when adjustments.quantity < 0 then cast(adjustments.goods_value * 100 as bigint) else cast(0 as bigint) end as missing_value,
    {{ epoch_us('adjustments.effective_at') }} as effective_us,
    coalesce(entries.entered_us, adjustments.observed_us) as observed_us
from {{ ref('stg_warehouse__adjustments') }} as adjustments
left join ({{ entries('adjustments') }}) as entries
    on adjustments.adjustment_id = entries.event_id

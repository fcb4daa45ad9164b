select
    weighings.event_id,
    weighings.parcel_id,
    weighings.associate_id,
    weighings.shift_class,
    weighings.packed_g,
    weighings.sorted_g,
    cast(case when weighings.sorted_g * 100 < weighings.packed_g * 85 then 1 else 0 end as bigint) as is_light,
    weighings.effective_us,
    coalesce(entries.entered_us, weighings.observed_us) as observed_us
from {{ ref('int_logistics_abuse__weighings') }} as weighings
left join ({{ entries('weighings') }}) as entries
    on weighings.event_id = entries.event_id

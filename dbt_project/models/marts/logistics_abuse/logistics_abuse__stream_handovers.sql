select
    handovers.event_id,
    handovers.parcel_id,
    handovers.customer_id,
    handovers.address_id,
    handovers.driver_id,
    handovers.route_class,
    handovers.change,
    case when handovers.is_proven then handovers.change else cast(0 as bigint) end as proven,
    case when handovers.distance_m > 100 then handovers.change else cast(0 as bigint) end as far,
    case when handovers.change = 1 then cast(1 as bigint) end as completed,
    case when handovers.change = 1 then handovers.distance_m end as distance_m,
    handovers.effective_us,
    coalesce(entries.entered_us, handovers.observed_us) as observed_us
from {{ ref('int_logistics_abuse__handovers') }} as handovers
left join ({{ entries('handovers') }}) as entries
    on handovers.event_id = entries.event_id

select
    concessions.concession_id as event_id,
    concessions.parcel_id,
    concessions.customer_id,
    concessions.address_id,
    concessions.device_id,
    concessions.agent_id,
    concessions.driver_id,
    concessions.route_class,
    concessions.associate_id,
    concessions.shift_class,
    cast(concessions.amount * 100 as bigint) as amount,
    cast(case when concessions.is_missing then 1 else 0 end as bigint) as is_missing,
    {{ epoch_us('concessions.effective_at') }} as effective_us,
    coalesce(entries.entered_us, concessions.observed_us) as observed_us
from {{ ref('stg_service__concessions') }} as concessions
left join ({{ entries('concessions') }}) as entries
    on concessions.concession_id = entries.event_id

select
    concessions.concession_id,
    concessions.parcel_id,
    concessions.customer_id,
    concessions.address_id,
    concessions.device_id,
    concessions.agent_id,
    concessions.driver_id,
    concessions.route_class,
    concessions.associate_id,
    concessions.shift_class,
    concessions.channel,
    concessions.kind,
    concessions.is_missing,
    concessions.reason,
    concessions.is_return_expected,
    concessions.amount,
    concessions.currency,
    concessions.effective_at,
    concessions.observed_at,
    {{ from_epoch_us('stream.observed_us') }} as decision_at
from {{ ref('stg_service__concessions') }} as concessions
inner join {{ ref('logistics_abuse__stream_concessions') }} as stream
    on concessions.concession_id = stream.event_id

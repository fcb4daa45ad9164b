select
    requests.request_id,
    requests.customer_id,
    requests.reason,
    requests.amount,
    requests.ordered_at,
    requests.effective_at,
    requests.observed_at,
    {{ from_epoch_us('stream.observed_us') }} as decision_at
from {{ ref('stg_refunds__requests') }} as requests
inner join {{ ref('refund_abuse__stream_requests') }} as stream
    on requests.request_id = stream.event_id

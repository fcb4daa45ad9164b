select
    payments.transaction_id,
    payments.customer_id,
    payments.terminal_id,
    payments.device_id,
    payments.channel,
    payments.amount,
    payments.currency,
    payments.effective_at,
    payments.observed_at,
    {{ from_epoch_us('stream.observed_us') }} as decision_at
from {{ ref('stg_payments__transactions') }} as payments
inner join {{ ref('customer_trust__stream_payments') }} as stream
    on payments.transaction_id = stream.event_id

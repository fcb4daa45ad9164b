select
    transaction_id,
    customer_id,
    terminal_id,
    device_id,
    channel,
    amount,
    currency,
    effective_at,
    observed_at,
    observed_at as decision_at
from {{ ref('stg_payments__transactions') }}

select
    transaction_id as event_id,
    customer_id,
    terminal_id,
    device_id,
    cast(amount * 100 as bigint) as amount,
    {{ epoch_us('effective_at') }} as effective_us,
    observed_us
from {{ ref('stg_payments__transactions') }}

select
    payments.transaction_id as event_id,
    payments.customer_id,
    payments.terminal_id,
    payments.device_id,
    cast(payments.amount * 100 as bigint) as amount,
    {{ epoch_us('payments.effective_at') }} as effective_us,
    coalesce(entries.entered_us, payments.observed_us) as observed_us
from {{ ref('stg_payments__transactions') }} as payments
left join ({{ entries('payments') }}) as entries
    on payments.transaction_id = entries.event_id

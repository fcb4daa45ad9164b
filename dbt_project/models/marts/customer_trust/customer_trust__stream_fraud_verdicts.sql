select
    event_id,
    customer_id,
    terminal_id,
    change,
    case when change = 1 then cast(1 as bigint) end as confirmed,
    effective_us,
    observed_us
from {{ ref('int_customer_trust__fraud_changes') }}

select
    transaction_id,
    is_fraud as is_positive,
    effective_at,
    observed_at
from {{ ref('stg_payments__chargebacks') }}

select
    request_id,
    is_abuse as is_positive,
    effective_at,
    observed_at
from {{ ref('stg_refunds__findings') }}

select
    evidence_uid as event_id,
    is_confirmed as is_positive,
    effective_at,
    observed_at
from {{ ref('stg_findings__api_calls') }}

select
    evidence_uid as flow_id,
    is_confirmed as is_positive,
    attack_technique_uid as technique,
    effective_at,
    observed_at
from {{ ref('stg_findings__flows') }}

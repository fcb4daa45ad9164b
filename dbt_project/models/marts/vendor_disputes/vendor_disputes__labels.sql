select
    invoice_line_id,
    is_wrong as is_positive,
    effective_at,
    observed_at
from {{ ref('stg_payables__resolutions') }}

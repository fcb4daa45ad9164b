select
    findings.finding_id as event_id,
    findings.customer_id,
    cast(case when findings.is_abuse then 1 else 0 end as bigint) as is_abuse,
    {{ epoch_us('findings.effective_at') }} as effective_us,
    coalesce(entries.entered_us, findings.observed_us) as observed_us
from {{ ref('stg_refunds__findings') }} as findings
left join ({{ entries('findings') }}) as entries
    on findings.finding_id = entries.event_id

select
    changes.event_id,
    changes.customer_id,
    changes.terminal_id,
    changes.change,
    case when changes.change = 1 then cast(1 as bigint) end as confirmed,
    changes.effective_us,
    coalesce(entries.entered_us, changes.observed_us) as observed_us
from {{ ref('int_customer_trust__fraud_changes') }} as changes
left join ({{ entries('fraud_verdicts') }}) as entries
    on changes.event_id = entries.event_id

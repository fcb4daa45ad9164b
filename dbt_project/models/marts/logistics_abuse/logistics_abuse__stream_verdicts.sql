select
    changes.event_id,
    changes.customer_id,
    changes.address_id,
    changes.device_id,
    changes.agent_id,
    changes.driver_id,
    changes.associate_id,
    changes.change,
    case when changes.change = 1 then cast(1 as bigint) end as confirmed,
    changes.effective_us,
    coalesce(entries.entered_us, changes.observed_us) as observed_us
from {{ ref('int_logistics_abuse__verdict_changes') }} as changes
left join ({{ entries('verdicts') }}) as entries
    on changes.event_id = entries.event_id

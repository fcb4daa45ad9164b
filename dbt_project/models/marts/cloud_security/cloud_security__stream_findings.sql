select
    changes.event_id,
    changes.principal_id,
    changes.source_network,
    changes.change,
    changes.effective_us,
    coalesce(entries.entered_us, changes.observed_us) as observed_us
from {{ ref('int_cloud_security__finding_changes') }} as changes
left join ({{ entries('findings') }}) as entries
    on changes.event_id = entries.event_id

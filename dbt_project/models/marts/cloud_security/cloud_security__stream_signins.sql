select
    attempts.metadata_uid as event_id,
    attempts.user_uid as principal_id,
    attempts.src_endpoint_subnet as source_network,
    cast(case when attempts.status_id = 1 then 0 else 1 end as bigint) as is_failed,
    {{ epoch_us('attempts.effective_at') }} as effective_us,
    coalesce(entries.entered_us, attempts.observed_us) as observed_us
from {{ ref('stg_signin__attempts') }} as attempts
left join ({{ entries('signins') }}) as entries
    on attempts.metadata_uid = entries.event_id

select
    calls.metadata_uid as event_id,
    calls.actor_user_uid as principal_id,
    calls.src_endpoint_subnet as source_network,
    calls.cloud_account_uid as account_id,
    calls.principal_operation,
    calls.peer_operation,
    calls.principal_network,
    calls.principal_country,
    calls.principal_agent,
    calls.api_service_name as service,
    calls.api_operation as operation,
    calls.api_response_error as error_code,
    calls.resource_uid as resource_id,
    calls.src_endpoint_country as source_country,
    cast(calls.is_read_only as bigint) as is_read_only,
    cast(calls.is_data_read as bigint) as is_data_read,
    calls.http_response_length as bytes_out,
    {{ epoch_us('calls.effective_at') }} as effective_us,
    coalesce(entries.entered_us, calls.observed_us) as observed_us
from {{ ref('stg_cloudtrail__events') }} as calls
left join ({{ entries('calls') }}) as entries
    on calls.metadata_uid = entries.event_id

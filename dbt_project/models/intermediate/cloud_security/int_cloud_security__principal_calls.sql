{#- Calls by the day (UTC) on which they reached us, counted from 1970: a day is complete when it is over. -#}
select
    actor_user_uid as principal_id,
    actor_user_group_name as peer_group,
    {{ quotient('observed_us', span_us('1d')) }} as observed_day,
    api_service_name as service,
    concat(api_service_name, '/', api_operation) as operation,
    src_endpoint_subnet as network,
    src_endpoint_country as country,
    http_request_user_agent as agent,
    cloud_account_uid as account,
    cloud_region as region,
    resource_uid as resource,
    case when api_response_error is not null then 1 else 0 end as is_error,
    case when is_read_only then 0 when is_read_only is not null then 1 end as is_write,
    case when is_data_read then 1 else 0 end as is_data_read,
    case when api_operation = 'Decrypt' then 1 else 0 end as is_decrypt,
    case when extract(hour from effective_at) >= 22 or extract(hour from effective_at) < 6 then 1 else 0 end as is_at_night,
    case when actor_session_is_mfa then 0 when actor_session_is_mfa is not null then 1 end as is_without_mfa,
    http_response_length as bytes_out
from {{ ref('stg_cloudtrail__events') }}

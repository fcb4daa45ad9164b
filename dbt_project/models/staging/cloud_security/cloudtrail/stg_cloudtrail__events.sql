{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('cloudtrail', 'cloudtrail__events')]) -%}
{#- The names of OCSF 1.3, class 6003 (API Activity); activity_id follows the verb that the API's name begins with. -#}
with

source as (
    {{ landed_since('cloudtrail', 'cloudtrail__events', restart) }}
),

accepted as (
    {{ first_accepted('source', key=['event_id'], tie_breakers=['principal_id', 'operation']) }}
),

renamed as (
    select
        event_id as metadata_uid,
        6003 as class_uid,
        case
            when is_read_only then 2
            when operation like 'Create%' or operation like 'Run%' or operation like 'Register%' then 1
            when operation like 'Delete%' or operation like 'Terminate%' or operation like 'Deregister%' then 4
            when is_read_only is null then 0
            when operation like 'Update%' or operation like 'Modify%' or operation like 'Put%'
                or operation like 'Attach%' or operation like 'Add%' then 3
            else 99
        end as activity_id,
        case when error_code is null then 1 else 2 end as status_id,
        principal_id as actor_user_uid,
        principal_kind as actor_user_type,
        peer_group as actor_user_group_name,
        credential_id as actor_session_credential_uid,
        is_mfa as actor_session_is_mfa,
        account_id as cloud_account_uid,
        region as cloud_region,
        service as api_service_name,
        operation as api_operation,
        error_code as api_response_error,
        is_read_only,
        is_data_read,
        resource_id as resource_uid,
        bytes_out as http_response_length,
        source_network as src_endpoint_subnet,
        source_country as src_endpoint_country,
        user_agent as http_request_user_agent,
        exposure,
        principal_operation,
        peer_operation,
        principal_network,
        principal_country,
        principal_agent,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us,
        cast(observed_at as date) as observed_on
    from accepted
)

select * from renamed
{{ not_accepted_before('renamed', 'metadata_uid', restart) }}

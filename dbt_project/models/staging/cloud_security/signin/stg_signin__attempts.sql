{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('signin', 'signin__attempts')]) -%}
{#- The names of OCSF 1.3, class 3002 (Authentication); activity_id 1 is a logon. -#}
with

source as (
    {{ landed_since('signin', 'signin__attempts', restart) }}
),

accepted as (
    {{ first_accepted('source', key=['attempt_id'], tie_breakers=['principal_id', 'is_successful']) }}
),

renamed as (
    select
        attempt_id as metadata_uid,
        3002 as class_uid,
        1 as activity_id,
        case when is_successful then 1 else 2 end as status_id,
        principal_id as user_uid,
        account_id as cloud_account_uid,
        is_mfa,
        source_network as src_endpoint_subnet,
        source_country as src_endpoint_country,
        user_agent as http_request_user_agent,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us,
        cast(observed_at as date) as observed_on
    from accepted
)

select * from renamed
{{ not_accepted_before('renamed', 'metadata_uid', restart) }}

{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('accounts', 'accounts__logins')]) -%}

with

source as (
    {{ landed_since('accounts', 'accounts__logins', restart) }}
),

accepted as (
    {{ first_accepted('source', key=['login_id'], tie_breakers=['customer_id', 'is_successful']) }}
),

renamed as (
    select
        login_id,
        customer_id,
        device_id,
        is_successful,
        country,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us,
        cast(observed_at as date) as observed_on
    from accepted
)

select * from renamed
{{ not_accepted_before('renamed', 'login_id', restart) }}

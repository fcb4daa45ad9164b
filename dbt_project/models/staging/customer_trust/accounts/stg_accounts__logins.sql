{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('accounts', 'accounts__logins')]) -%}

with

source as (
    select *
    from {{ landed('accounts', 'accounts__logins') }}
    {% if restart is not none %}
        where observed_at >= cast('{{ restart }}' as timestamp)
    {% endif %}
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
{% if restart is not none %}
    where not exists (
        select 1
        from {{ this }} as earlier
        where earlier.login_id = renamed.login_id and earlier.observed_on < cast('{{ restart }}' as date)
    )
{% endif %}

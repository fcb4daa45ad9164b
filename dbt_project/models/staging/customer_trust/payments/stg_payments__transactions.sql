{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('payments', 'payments__transactions')]) -%}

with

source as (
    select *
    from {{ landed('payments', 'payments__transactions') }}
    {% if restart is not none %}
        where observed_at >= cast('{{ restart }}' as timestamp)
    {% endif %}
),

accepted as (
    {{ first_accepted('source', key=['transaction_id'], tie_breakers=['customer_id', 'terminal_id', 'amount']) }}
),

renamed as (
    select
        transaction_id,
        customer_id,
        terminal_id,
        device_id,
        channel,
        amount,
        currency,
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
        where earlier.transaction_id = renamed.transaction_id and earlier.observed_on < cast('{{ restart }}' as date)
    )
{% endif %}

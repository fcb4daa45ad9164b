{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('payments', 'payments__transactions')]) -%}

with

source as (
    {{ landed_since('payments', 'payments__transactions', restart) }}
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
{{ not_accepted_before('renamed', 'transaction_id', restart) }}

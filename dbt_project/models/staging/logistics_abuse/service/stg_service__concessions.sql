{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('service', 'service__concessions')]) -%}

with

source as (
    {{ landed_since('service', 'service__concessions', restart) }}
),

accepted as (
    {{ first_accepted('source', key=['concession_id'], tie_breakers=['customer_id', 'parcel_id', 'amount']) }}
),

renamed as (
    select
        concession_id,
        parcel_id,
        customer_id,
        address_id,
        device_id,
        agent_id,
        driver_id,
        route_class,
        associate_id,
        shift_class,
        channel,
        kind,
        is_missing,
        reason,
        is_return_expected,
        amount,
        currency,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us,
        cast(observed_at as date) as observed_on
    from accepted
)

select * from renamed
{{ not_accepted_before('renamed', 'concession_id', restart) }}

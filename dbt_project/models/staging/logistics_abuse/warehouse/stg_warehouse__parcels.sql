{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('warehouse', 'warehouse__parcels')]) -%}

with

source as (
    select *
    from {{ landed('warehouse', 'warehouse__parcels') }}
    {% if restart is not none %}
        where observed_at >= cast('{{ restart }}' as timestamp)
    {% endif %}
),

accepted as (
    {{ first_accepted('source', key=['parcel_id'], tie_breakers=['customer_id', 'goods_value']) }}
),

renamed as (
    select
        parcel_id,
        customer_id,
        address_id,
        device_id,
        site_id,
        category,
        goods_value,
        currency,
        expected_g,
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
        where earlier.parcel_id = renamed.parcel_id and earlier.observed_on < cast('{{ restart }}' as date)
    )
{% endif %}

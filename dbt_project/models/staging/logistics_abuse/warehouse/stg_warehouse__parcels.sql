{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('warehouse', 'warehouse__parcels')]) -%}

with

source as (
    {{ landed_since('warehouse', 'warehouse__parcels', restart) }}
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
{{ not_accepted_before('renamed', 'parcel_id', restart) }}

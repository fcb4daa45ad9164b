{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('purchasing', 'purchasing__order_lines')]) -%}

with

source as (
    {{ landed_since('purchasing', 'purchasing__order_lines', restart) }}
),

accepted as (
    {{ first_accepted('source', key=['order_line_id', 'observed_at'], tie_breakers=['quantity', 'unit_price', 'amount']) }}
),

renamed as (
    select
        order_line_id,
        order_id,
        vendor_id,
        buyer_id,
        item_id,
        vendor_item_id,
        quantity,
        unit,
        unit_price,
        price_basis,
        amount,
        tax_rate,
        currency,
        cast(promised_at as timestamp) as promised_at,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us,
        cast(observed_at as date) as observed_on
    from accepted
)

select * from renamed

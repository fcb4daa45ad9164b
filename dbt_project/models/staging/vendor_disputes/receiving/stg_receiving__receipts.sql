{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('receiving', 'receiving__receipts')]) -%}

with

source as (
    {{ landed_since('receiving', 'receiving__receipts', restart) }}
),

accepted as (
    {{ first_accepted('source', key=['receipt_line_id'], tie_breakers=['order_line_id', 'quantity']) }}
),

renamed as (
    select
        receipt_line_id,
        receipt_id,
        order_line_id,
        vendor_id,
        item_id,
        quantity,
        shipped_quantity,
        unit,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us,
        cast(observed_at as date) as observed_on
    from accepted
)

select * from renamed
{{ not_accepted_before('renamed', 'receipt_line_id', restart) }}

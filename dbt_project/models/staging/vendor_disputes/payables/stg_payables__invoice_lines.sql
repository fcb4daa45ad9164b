{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('payables', 'payables__invoice_lines')]) -%}

with

source as (
    {{ landed_since('payables', 'payables__invoice_lines', restart) }}
),

accepted as (
    {{ first_accepted('source', key=['invoice_line_id'], tie_breakers=['vendor_id', 'order_line_id', 'amount']) }}
),

renamed as (
    select
        invoice_line_id,
        invoice_id,
        invoice_number,
        vendor_id,
        buyer_id,
        order_line_id,
        item_id,
        vendor_item_id,
        quantity,
        unit,
        unit_price,
        amount,
        tax_amount,
        tax_rate,
        currency,
        ledger_amount,
        terms_days,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us,
        cast(observed_at as date) as observed_on
    from accepted
)

select * from renamed
{{ not_accepted_before('renamed', 'invoice_line_id', restart) }}

{{ config(materialized='table') }}

with

lines as (
    select
        *,
        {{ as_of_us() }} as matched_us
    from {{ ref('stg_payables__invoice_lines') }}
    where observed_us < {{ as_of_us() }}
),

matched as (
    {{ three_way_match(
        'lines',
        ref('stg_purchasing__order_lines'),
        ref('stg_receiving__receipts'),
        ref('stg_receiving__returns'),
        ref('vendor_disputes_tolerances')
    ) }}
)

select * from matched

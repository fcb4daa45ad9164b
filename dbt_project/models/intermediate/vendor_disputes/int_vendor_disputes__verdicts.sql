{#-
  From resolutions to changes: +1 when a line becomes known as wrong to pay as billed, -1 when that is taken back, both at
  the time of the invoice and known when the resolution was. So the sum over any window of lines counts those that stand.
-#}
{{ config(materialized='table') }}

with

statements as (
    select
        resolutions.invoice_line_id,
        billed.vendor_id,
        billed.buyer_id,
        billed.vendor_item_id,
        billed.observed_us as effective_us,
        resolutions.is_wrong,
        resolutions.effective_at as stated_at,
        -- a resolution that overtakes its line counts once the line is known
        greatest(resolutions.observed_us, billed.observed_us) as observed_us
    from {{ ref('stg_payables__resolutions') }} as resolutions
    inner join {{ ref('stg_payables__invoice_lines') }} as billed
        on resolutions.invoice_line_id = billed.invoice_line_id
),

changes as (
    {{ label_changes(
        'statements',
        key='invoice_line_id',
        label='is_wrong',
        columns=['invoice_line_id', 'vendor_id', 'buyer_id', 'vendor_item_id'],
    ) }}
)

select * from changes

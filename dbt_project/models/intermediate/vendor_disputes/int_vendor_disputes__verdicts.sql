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

compared as (
    select
        *,
        coalesce(
            lag(is_wrong) over (
                -- of resolutions that arrive together the one made last holds
                partition by invoice_line_id order by observed_us, stated_at, is_wrong
            ),
            false
        ) as was_wrong
    from statements
),

numbered as (
    select
        *,
        row_number() over (
            partition by invoice_line_id order by observed_us, stated_at, is_wrong
        ) as change_number
    from compared
    where is_wrong <> was_wrong
)

select
    concat(invoice_line_id, '/', cast(change_number as {{ dbt.type_string() }})) as event_id,
    invoice_line_id,
    vendor_id,
    buyer_id,
    vendor_item_id,
    cast(case when is_wrong then 1 else -1 end as bigint) as change,
    effective_us,
    observed_us
from numbered

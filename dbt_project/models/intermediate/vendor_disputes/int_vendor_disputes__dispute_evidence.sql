{#-
  What was known about each dispute when it was recorded: everything here was observed strictly before that, whatever came
  later. A dispute that overtakes its line has no evidence, and is there all the same.
-#}
{{ config(materialized='table') }}

with

filed as (
    select
        disputes.dispute_id,
        disputes.observed_us as filed_us,
        billed.invoice_line_id,
        billed.order_line_id,
        billed.vendor_id,
        billed.vendor_item_id,
        billed.quantity,
        billed.amount,
        billed.effective_at as billed_at,
        billed.observed_us as billed_us
    from {{ ref('stg_payables__disputes') }} as disputes
    left join {{ ref('stg_payables__invoice_lines') }} as billed
        on disputes.invoice_line_id = billed.invoice_line_id and billed.observed_us < disputes.observed_us
    where disputes.observed_us < {{ as_of_us() }}
),

orders as (
    select
        filed.dispute_id,
        versions.quantity,
        cast(versions.unit_price as double) / coalesce(cast(versions.price_basis as double), 1) as price,
        versions.tax_rate,
        count(*) over (partition by filed.dispute_id) - 1 as changes,
        row_number() over (partition by filed.dispute_id order by versions.observed_us desc) as age
    from filed
    inner join {{ ref('stg_purchasing__order_lines') }} as versions
        on filed.order_line_id = versions.order_line_id and versions.observed_us < filed.filed_us
),

agreed as (
    select
        filed.dispute_id,
        agreements.unit_price as price,
        row_number() over (
            partition by filed.dispute_id
            order by agreements.effective_at desc, agreements.observed_us desc, agreements.unit_price desc
        ) as age
    from filed
    inner join {{ ref('stg_purchasing__agreements') }} as agreements
        on filed.vendor_item_id = agreements.vendor_item_id
        and agreements.observed_us < filed.filed_us
        and agreements.effective_at <= filed.billed_at
),

received as (
    select
        filed.dispute_id,
        sum(receipts.quantity) as quantity,
        sum(case when receipts.observed_us >= filed.billed_us then receipts.quantity else 0 end) as quantity_since
    from filed
    inner join {{ ref('stg_receiving__receipts') }} as receipts
        on filed.order_line_id = receipts.order_line_id and receipts.observed_us < filed.filed_us
    group by filed.dispute_id
),

returned as (
    select
        filed.dispute_id,
        sum(returns.quantity) as quantity
    from filed
    inner join {{ ref('stg_receiving__returns') }} as returns
        on filed.order_line_id = returns.order_line_id and returns.observed_us < filed.filed_us
    group by filed.dispute_id
),

others as (
    select
        filed.dispute_id,
        sum(case when billed.observed_us < filed.billed_us then 1 else 0 end) as billed_before,
        sum(
            case
                when billed.observed_us < filed.billed_us
                    and billed.quantity = filed.quantity
                    and billed.amount = filed.amount
                    then 1
                else 0
            end
        ) as copies_before
    from filed
    inner join {{ ref('stg_payables__invoice_lines') }} as billed
        on filed.order_line_id = billed.order_line_id
        and filed.invoice_line_id <> billed.invoice_line_id
        and billed.observed_us < filed.filed_us
    group by filed.dispute_id
),

paid as (
    select
        filed.dispute_id,
        sum(payments.amount) as amount
    from filed
    inner join {{ ref('stg_payables__payments') }} as payments
        on filed.invoice_line_id = payments.invoice_line_id and payments.observed_us < filed.filed_us
    group by filed.dispute_id
),

deducted as (
    select
        filed.dispute_id,
        sum(deductions.amount) as amount,
        max(deductions.observed_us) as last_us
    from filed
    inner join {{ ref('stg_payables__deductions') }} as deductions
        on filed.invoice_line_id = deductions.invoice_line_id and deductions.observed_us < filed.filed_us
    group by filed.dispute_id
),

earlier as (
    select
        filed.dispute_id,
        count(distinct disputes.dispute_id) as disputes
    from filed
    inner join {{ ref('stg_payables__disputes') }} as disputes
        on filed.invoice_line_id = disputes.invoice_line_id and disputes.observed_us < filed.filed_us
    group by filed.dispute_id
)

select
    filed.dispute_id,
    filed.filed_us,
    filed.billed_us,
    orders.quantity as ordered_quantity,
    orders.price as order_price,
    orders.tax_rate as order_tax_rate,
    orders.changes as order_changes,
    agreed.price as agreed_price,
    coalesce(received.quantity, 0) as received_quantity,
    coalesce(received.quantity_since, 0) as received_since,
    coalesce(returned.quantity, 0) as returned_quantity,
    coalesce(others.billed_before, 0) as lines_before,
    coalesce(others.copies_before, 0) as copies_before,
    coalesce(paid.amount, 0) as paid_amount,
    coalesce(deducted.amount, 0) as deducted_amount,
    deducted.last_us as deducted_us,
    coalesce(earlier.disputes, 0) as earlier_disputes
from filed
left join orders on filed.dispute_id = orders.dispute_id and orders.age = 1
left join agreed on filed.dispute_id = agreed.dispute_id and agreed.age = 1
left join received on filed.dispute_id = received.dispute_id
left join returned on filed.dispute_id = returned.dispute_id
left join others on filed.dispute_id = others.dispute_id
left join paid on filed.dispute_id = paid.dispute_id
left join deducted on filed.dispute_id = deducted.dispute_id
left join earlier on filed.dispute_id = earlier.dispute_id

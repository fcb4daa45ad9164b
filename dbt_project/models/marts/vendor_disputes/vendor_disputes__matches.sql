with

paid as (
    select
        invoice_line_id,
        sum(amount) as amount
    from {{ ref('stg_payables__payments') }}
    where observed_us < {{ as_of_us() }}
    group by invoice_line_id
),

deducted as (
    select
        invoice_line_id,
        sum(amount) as amount
    from {{ ref('stg_payables__deductions') }}
    where invoice_line_id is not null and observed_us < {{ as_of_us() }}
    group by invoice_line_id
)

select
    matched.invoice_line_id,
    matched.vendor_id,
    matched.order_line_id,
    matched.currency,
    matched.state,
    decided.state as decision_state,
    matched.billed_quantity,
    matched.ordered_quantity,
    matched.accepted_quantity,
    matched.billed_before,
    cast(matched.payable_quantity as decimal(18, 3)) as payable_quantity,
    cast(matched.agreed_price as decimal(24, 6)) as agreed_price,
    cast(matched.billed_amount as decimal(18, 2)) as billed_amount,
    cast(matched.payable_amount as decimal(18, 2)) as payable_amount,
    cast(matched.short_paid_amount as decimal(18, 2)) as short_paid_amount,
    cast(matched.held_amount as decimal(18, 2)) as held_amount,
    cast(decided.payable_amount as decimal(18, 2)) as decision_payable_amount,
    cast(coalesce(paid.amount, 0) as decimal(18, 2)) as paid_amount,
    cast(coalesce(deducted.amount, 0) as decimal(18, 2)) as deducted_amount,
    {{ from_epoch_us('matched.observed_us') }} as observed_at,
    {{ from_epoch_us('matched.matched_us') }} as matched_at
from {{ ref('int_vendor_disputes__current_matches') }} as matched
inner join {{ ref('int_vendor_disputes__decision_matches') }} as decided
    on matched.invoice_line_id = decided.invoice_line_id
left join paid
    on matched.invoice_line_id = paid.invoice_line_id
left join deducted
    on matched.invoice_line_id = deducted.invoice_line_id

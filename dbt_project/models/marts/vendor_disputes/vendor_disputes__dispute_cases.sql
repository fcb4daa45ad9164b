{#- Every dispute as it was when it was recorded, with what became of it as far as that is known at the build's `as_of`. -#}
{%- set reasons = ['shortage', 'price', 'duplicate', 'quantity', 'unit', 'tax', 'return'] -%}

with

resolved as (
    select
        resolutions.dispute_id,
        resolutions.outcome,
        resolutions.allowed_amount,
        resolutions.currency,
        resolutions.observed_us,
        row_number() over (
            partition by resolutions.dispute_id
            order by resolutions.observed_us desc, resolutions.effective_at desc, resolutions.resolution_id desc
        ) as age
    from {{ ref('stg_payables__resolutions') }} as resolutions
    where resolutions.observed_us < {{ as_of_us() }}
),

cases as (
    select
        disputes.dispute_id,
        disputes.vendor_id,
        disputes.invoice_line_id,
        disputes.currency,
        disputes.raised_by,
        disputes.reason,
        disputes.claimed_amount,
        disputes.observed_us,
        evidence.billed_us,
        evidence.order_price,
        cast(evidence.order_tax_rate as double) as order_tax_rate,
        evidence.order_changes,
        cast(evidence.agreed_price as double) as agreed_price,
        cast(evidence.ordered_quantity as double) as ordered_quantity,
        cast(evidence.received_quantity as double) as received_quantity,
        cast(evidence.received_since as double) as received_since,
        cast(evidence.returned_quantity as double) as returned_quantity,
        evidence.lines_before,
        evidence.copies_before,
        evidence.paid_amount,
        evidence.deducted_amount,
        evidence.deducted_us,
        evidence.earlier_disputes,
        records.vendor_filed,
        records.vendor_ended,
        records.vendor_valid,
        records.buyer_ended,
        records.buyer_valid,
        cast(billed.quantity as double) as quantity,
        cast(billed.unit_price as double) as price,
        cast(billed.amount as double) as amount,
        cast(billed.tax_amount as double) as tax,
        cast(billed.ledger_amount as double) as ledger_amount,
        {{ epoch_us('billed.effective_at') }} + billed.terms_days * {{ span_us('1d') }} as due_us,
        nullif(cast(decided.billed_amount as double), 0) as total,
        cast(decided.short_paid_amount as double) as short_paid_amount,
        cast(decided.held_amount as double) as held_amount,
        cast(decided.billed_before + billed.quantity as double) as billed_until,
        nullif(cast(disputes.claimed_amount as double), 0) as claimed
    from {{ ref('stg_payables__disputes') }} as disputes
    inner join {{ ref('int_vendor_disputes__dispute_evidence') }} as evidence
        on disputes.dispute_id = evidence.dispute_id
    inner join {{ ref('int_vendor_disputes__dispute_records') }} as records
        on disputes.dispute_id = records.dispute_id
    left join {{ ref('stg_payables__invoice_lines') }} as billed
        on disputes.invoice_line_id = billed.invoice_line_id and billed.observed_us < disputes.observed_us
    left join {{ ref('int_vendor_disputes__decision_matches') }} as decided
        on billed.invoice_line_id = decided.invoice_line_id
),

-- `least` and `greatest` pass over what is null, so what is not known is said apart
differences as (
    select
        *,
        case
            when billed_until is not null
                then greatest(least(billed_until - received_quantity + returned_quantity, quantity), 0)
        end as uncovered,
        case
            when billed_until is not null and ordered_quantity is not null
                then greatest(least(billed_until - ordered_quantity, quantity), 0)
        end as over_ordered,
        case
            when price is not null and order_price is not null then quantity * greatest(price - order_price, 0)
        end as over_price,
        case
            when price is not null and agreed_price is not null then quantity * greatest(price - agreed_price, 0)
        end as over_agreement,
        case
            when tax is not null and order_tax_rate is not null then greatest(tax - amount * order_tax_rate / 100, 0)
        end as over_tax
    from cases
),

valued as (
    select
        *,
        case
            when uncovered is not null
                then
                    least(
                        greatest(uncovered, coalesce(over_ordered, 0)) * price
                        + coalesce(over_price, 0)
                        + coalesce(over_tax, 0),
                        total
                    )
        end as borne_out
    from differences
)

select
    cases.dispute_id,
    cases.vendor_id,
    cases.invoice_line_id,
    cases.currency,
    {{ from_epoch_us('cases.observed_us') }} as decision_at,
    cases.claimed_amount,
    case when cases.amount > 0 then cases.ledger_amount / cases.amount end as ledger_rate,
    resolved.outcome <> 'denied' as is_valid,
    cast(
        case
            when resolved.outcome = 'denied' then 0
            -- what is granted beyond the claim is no answer to it
            when resolved.currency = cases.currency then least(resolved.allowed_amount, cases.claimed_amount)
        end as decimal(18, 2)
    ) as payable_amount,
    case
        when resolved.dispute_id is not null
            then {{ from_epoch_us('greatest(resolved.observed_us, cases.observed_us)') }}
    end as resolved_at,
    cast(case when cases.raised_by = 'vendor' then 1 else 0 end as bigint) as is_by_vendor,
    {%- for reason in reasons %}
    cast(case when cases.reason = '{{ reason }}' then 1 else 0 end as bigint) as is_about_{{ reason }},
    {%- endfor %}
    case when cases.amount > 0 then cases.claimed * cases.ledger_amount / cases.amount end as claimed_ledger_amount,
    cases.claimed / cases.total as claimed_to_billed,
    cast(cases.observed_us - cases.billed_us as double) / {{ span_us('1d') }} as days_since_billed,
    cast(cases.due_us - cases.observed_us as double) / {{ span_us('1d') }} as days_until_due,
    cast(cases.paid_amount as double) / cases.total as paid_to_billed,
    cast(cases.deducted_amount as double) / cases.claimed as deducted_to_claimed,
    cast(cases.observed_us - cases.deducted_us as double) / {{ span_us('1d') }} as days_since_deduction,
    cast(cases.earlier_disputes as bigint) as earlier_disputes,
    cases.short_paid_amount / cases.claimed as short_paid_to_claimed,
    cases.held_amount / cases.total as held_to_billed,
    cases.price / nullif(cases.order_price, 0) as price_to_order,
    cases.price / nullif(cases.agreed_price, 0) as price_to_agreement,
    cases.over_price / cases.claimed as over_price_to_claimed,
    cases.over_agreement / cases.claimed as over_agreement_to_claimed,
    cases.over_tax / cases.claimed as over_tax_to_claimed,
    cases.uncovered / nullif(cases.quantity, 0) as uncovered_share,
    cases.uncovered * cases.price / cases.claimed as uncovered_to_claimed,
    cases.over_ordered * cases.price / cases.claimed as over_ordered_to_claimed,
    cases.borne_out / cases.claimed as borne_out_to_claimed,
    cases.received_since / nullif(cases.quantity, 0) as received_since_to_billed,
    cases.returned_quantity / nullif(cases.received_quantity, 0) as returned_to_received,
    cast(cases.lines_before as bigint) as lines_before,
    cast(cases.copies_before as bigint) as copies_before,
    cast(cases.order_changes as bigint) as order_changes,
    cases.vendor_filed as vendor_claims_90d,
    cast(cases.vendor_valid as double) / nullif(cases.vendor_ended, 0) as vendor_valid_share_90d,
    cast(cases.buyer_valid as double) / nullif(cases.buyer_ended, 0) as buyer_valid_share_90d
from valued as cases
left join resolved on cases.dispute_id = resolved.dispute_id and resolved.age = 1

{#- From statements to spans of time: a payment is a confirmed fraud from its chargeback until a reversal, as we knew it. -#}
{{ config(materialized='table') }}

with

statements as (
    select
        chargebacks.transaction_id,
        payments.customer_id,
        payments.terminal_id,
        chargebacks.is_fraud,
        chargebacks.effective_at,
        -- a statement that overtakes its payment counts once the payment is known
        greatest(chargebacks.observed_us, payments.observed_us) as known_us
    from {{ ref('stg_payments__chargebacks') }} as chargebacks
    inner join {{ ref('stg_payments__transactions') }} as payments
        on chargebacks.transaction_id = payments.transaction_id
),

compared as (
    select
        *,
        coalesce(
            lag(is_fraud) over (
                -- of statements that arrive together the one made last holds
                partition by transaction_id order by known_us, effective_at, is_fraud
            ),
            false
        ) as was_fraud
    from statements
),

changes as (
    select
        *,
        lead(known_us) over (
            partition by transaction_id order by known_us, effective_at, is_fraud
        ) as next_change_us
    from compared
    where is_fraud <> was_fraud
)

select
    transaction_id,
    customer_id,
    terminal_id,
    known_us as confirmed_us,
    next_change_us as withdrawn_us
from changes
where is_fraud

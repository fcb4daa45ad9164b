{#-
  From statements to changes: +1 when a payment becomes a confirmed fraud, -1 when that is withdrawn, both at the time of
  the payment and known when the statement was. So the sum over any window of payments counts the frauds that stand.
-#}
{{ config(materialized='table') }}

with

statements as (
    select
        chargebacks.transaction_id,
        payments.customer_id,
        payments.terminal_id,
        {{ epoch_us('payments.effective_at') }} as effective_us,
        chargebacks.is_fraud,
        chargebacks.effective_at as stated_at,
        -- a statement that overtakes its payment counts once the payment is known
        greatest(chargebacks.observed_us, payments.observed_us) as observed_us
    from {{ ref('stg_payments__chargebacks') }} as chargebacks
    inner join {{ ref('stg_payments__transactions') }} as payments
        on chargebacks.transaction_id = payments.transaction_id
),

changes as (
    {{ label_changes(
        'statements',
        key='transaction_id',
        label='is_fraud',
        columns=['transaction_id', 'customer_id', 'terminal_id'],
    ) }}
)

select * from changes

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

compared as (
    select
        *,
        coalesce(
            lag(is_fraud) over (
                -- of statements that arrive together the one made last holds
                partition by transaction_id order by observed_us, stated_at, is_fraud
            ),
            false
        ) as was_fraud
    from statements
),

numbered as (
    select
        *,
        row_number() over (
            partition by transaction_id order by observed_us, stated_at, is_fraud
        ) as change_number
    from compared
    where is_fraud <> was_fraud
)

select
    concat(transaction_id, '/', cast(change_number as {{ dbt.type_string() }})) as event_id,
    transaction_id,
    customer_id,
    terminal_id,
    cast(case when is_fraud then 1 else -1 end as bigint) as change,
    effective_us,
    observed_us
from numbered

{#-
  How many payments in a row were frauds at a terminal, up to each of them, and how ordinary the least of them was: a
  stolen card shows by its amounts wherever it is used, a terminal that copies cards only by their number. A payment is
  what was held of it when its label matured; one that was not even known by then takes no part. So when a fraud has matured, everything in its row is
  known, and the row never changes.
-#}
{%- set maturity = span_us(required_var('maturity') or '1d') -%}
with

frauds as (
    select transaction_id
    from {{ ref('int_customer_trust__fraud_changes') }}
    where observed_us <= effective_us + {{ maturity }}
    group by transaction_id
    having sum(change) > 0
),

terminals as (
    select distinct terminal_id from {{ ref('int_customer_trust__fraud_changes') }}
),

customers as (
    select distinct customer_id from {{ ref('int_customer_trust__fraud_changes') }}
),

-- what a card had paid before, by what was known: later arrivals change nothing, and a first payment is as usual as any
usual as (
    select
        payments.event_id as transaction_id,
        sum(payments.amount) over earlier as paid,
        count(*) over earlier as payments
    from {{ ref('customer_trust__stream_payments') }} as payments
    inner join customers
        on payments.customer_id = customers.customer_id
    window earlier as (
        partition by payments.customer_id order by payments.observed_us
        range between unbounded preceding and 1 preceding
    )
),

judged as (
    select
        payments.event_id as transaction_id,
        payments.terminal_id,
        payments.amount,
        payments.effective_us,
        frauds.transaction_id is not null as is_fraud
    from {{ ref('customer_trust__stream_payments') }} as payments
    inner join terminals
        on payments.terminal_id = terminals.terminal_id
    left join frauds
        on payments.event_id = frauds.transaction_id
    where payments.observed_us <= payments.effective_us + {{ maturity }}
),

-- payments of one instant have no order among them: one honest of them ends the run
preceded as (
    select
        *,
        coalesce(
            max(case when not is_fraud then effective_us end) over (
                partition by terminal_id order by effective_us
                range between unbounded preceding and current row
            ),
            {{ day_us(none) }}
        ) as honest_us
    from judged
),

compared as (
    select
        preceded.*,
        coalesce(
            {{ quotient('100 * preceded.amount * usual.payments', 'nullif(usual.paid, 0)') }}, 100
        ) as amount_to_usual
    from preceded
    inner join usual
        on preceded.transaction_id = usual.transaction_id
    where preceded.is_fraud and preceded.honest_us < preceded.effective_us
),

runs as (
    select
        *,
        count(*) over so_far as run,
        effective_us - min(effective_us) over so_far as lasted_us,
        min(amount) over so_far as least_amount,
        min(amount_to_usual) over so_far as least_amount_to_usual
    from compared
    window so_far as (
        partition by terminal_id, honest_us order by effective_us
        range between unbounded preceding and current row
    )
)

select
    runs.transaction_id as event_id,
    runs.terminal_id,
    runs.run,
    runs.lasted_us,
    runs.least_amount,
    cast(runs.least_amount_to_usual as bigint) as least_amount_to_usual,
    runs.effective_us,
    coalesce(entries.entered_us, runs.effective_us + {{ maturity }}) as observed_us
from runs
left join ({{ entries('fraud_runs') }}) as entries
    on runs.transaction_id = entries.event_id

{#-
  How many payments in a row were frauds at a terminal, up to each of them. A payment is what was held of it when its
  label matured; one that was not even known by then takes no part. So when a fraud has matured, everything in its row is
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

judged as (
    select
        payments.event_id as transaction_id,
        payments.terminal_id,
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

runs as (
    select
        *,
        count(*) over so_far as run,
        effective_us - min(effective_us) over so_far as lasted_us
    from preceded
    where is_fraud and honest_us < effective_us
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
    runs.effective_us,
    coalesce(entries.entered_us, runs.effective_us + {{ maturity }}) as observed_us
from runs
left join ({{ entries('fraud_runs') }}) as entries
    on runs.transaction_id = entries.event_id

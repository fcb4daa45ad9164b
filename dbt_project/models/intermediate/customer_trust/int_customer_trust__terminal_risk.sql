{#-
  Confirmed frauds over payments old enough to have been confirmed: both enter when they are known, a fraud when its
  chargeback is observed, a payment once its label has matured (Le Borgne et al., Fraud Detection Handbook, ch. 3,
  delayed terminal risk; there with a fixed delay, here with what was observed).
-#}
{{ config(materialized='incremental', unique_key='filed_on') }}
{%- set spans = ['1d', '7d', '30d'] -%}
{%- set maturity = span_us(required_var('maturity') or '1d') -%}
{%- set work = work_range(
    [('payments', 'payments__transactions'), ('payments', 'payments__chargebacks')],
    lookback='30d', parameters={'maturity': maturity}
) -%}

with

decisions as (
    select distinct terminal_id as entity_id, observed_us as at_us
    from {{ ref('stg_payments__transactions') }}
    where observed_us >= {{ work.points_from }}
),

terminals as (
    select distinct terminal_id as entity_id from {{ ref('stg_payments__transactions') }}
),

matured as (
    select terminal_id as entity_id, observed_us + {{ maturity }} as at_us
    from {{ ref('stg_payments__transactions') }}
    where observed_us + {{ maturity }} >= {{ work.context_from }}
),

confirmed as (
    {{ confirmed_steps(ref('int_customer_trust__confirmed_frauds'), 'terminal_id', spans) }}
),

timeline as (
    select
        entity_id, at_us, 1 as is_decision, false as is_snapshot, 0 as is_matured
        {%- for span in spans %}, 0 as step_{{ span }}{% endfor %}
    from decisions
    union all
    select
        entity_id, {{ work.as_of }} as at_us, 0, true, 0
        {%- for span in spans %}, 0{% endfor %}
    from terminals
    union all
    select
        entity_id, at_us, 0, false, 1
        {%- for span in spans %}, 0{% endfor %}
    from matured
    union all
    select
        entity_id, at_us, 0, false, 0
        {%- for span in spans %}, step_{{ span }}{% endfor %}
    from confirmed
),

windowed as (
    select
        entity_id,
        at_us,
        is_decision,
        is_snapshot,
        sum(is_decision) over same_instant as tied_decisions
        {%- for span in spans %},
        coalesce(sum(is_matured) over past_{{ span }}, 0) as matured_{{ span }},
        coalesce(sum(step_{{ span }}) over all_past, 0) as frauds_{{ span }}
        {%- endfor %}
    from timeline
    window {{ past_windows(spans) }}
)

select
    {{ filed_on() }} as filed_on,
    entity_id,
    at_us,
    is_snapshot,
    cast(tied_decisions as bigint) as tied_decisions
    {%- for span in spans %},
    cast(frauds_{{ span }} as bigint) as terminal_frauds_{{ span }},
    cast(matured_{{ span }} as bigint) as terminal_matured_{{ span }},
    cast(frauds_{{ span }} as double) / nullif(matured_{{ span }}, 0) as terminal_fraud_rate_{{ span }}
    {%- endfor %}
from windowed
where is_decision = 1 or is_snapshot

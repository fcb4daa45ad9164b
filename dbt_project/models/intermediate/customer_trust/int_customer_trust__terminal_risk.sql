{#-
  Confirmed frauds over payments old enough to have been confirmed: both count when they are known, a fraud from its
  chargeback's arrival, a payment once its label has matured (the delayed terminal risk of Le Borgne et al., Fraud
  Detection Handbook, 2022, ch. 3; there every label has the same delay, here it counts when it was observed).
-#}
{{ config(materialized='incremental', unique_key='filed_on') }}
{%- set spans = ['1d', '7d', '30d'] -%}
{%- set maturity = span_us(required_var('maturity') or '1d') -%}
{%- set work = work_range(
    [('payments', 'payments__transactions'), ('payments', 'payments__chargebacks')],
    lookback='30d', delay_us=maturity, parameters={'maturity': maturity}
) -%}

with

payments as (
    select terminal_id as entity_id, observed_us as at_us, 1 as matured
    from {{ ref('stg_payments__transactions') }}
    where observed_us >= {{ work.context_from }}
),

terminals as (
    select distinct terminal_id as entity_id from {{ ref('stg_payments__transactions') }}
),

points as (
    {{ points_of('payments', 'terminals', work) }}
),

old_enough as (
    {{ sums_of_past('payments', 'points', ['matured'], spans, delay_us=maturity) }}
),

confirmed as (
    {{ confirmed_counts(ref('int_customer_trust__confirmed_frauds'), 'terminal_id', spans) }}
),

counted as (
    {{ state_before('old_enough', 'confirmed', ['frauds_1d', 'frauds_7d', 'frauds_30d']) }}
)

select
    {{ filed_on() }} as filed_on,
    entity_id,
    at_us,
    is_snapshot
    {%- for span in spans %},
    coalesce(frauds_{{ span }}, 0) as terminal_frauds_{{ span }},
    matured_{{ span }} as terminal_matured_{{ span }},
    cast(coalesce(frauds_{{ span }}, 0) as double) / nullif(matured_{{ span }}, 0) as terminal_fraud_rate_{{ span }}
    {%- endfor %}
from counted

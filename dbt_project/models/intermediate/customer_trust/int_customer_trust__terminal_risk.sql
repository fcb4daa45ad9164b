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
    select terminal_id as entity_id, observed_us as at_us
    from {{ ref('stg_payments__transactions') }}
    where observed_us >= {{ work.context_from }}
),

terminals as (
    select distinct terminal_id as entity_id from {{ ref('stg_payments__transactions') }}
),

confirmed as (
    {{ confirmed_counts(ref('int_customer_trust__confirmed_frauds'), 'terminal_id', spans) }}
),

timeline as (
    select entity_id, at_us, true as is_decision, false as is_snapshot, cast(null as bigint) as change from payments
    union all
    select entity_id, {{ work.as_of }} as at_us, false, true, null from terminals
    union all
    select entity_id, at_us, false, false, change from confirmed
),

windowed as (
    select
        entity_id,
        at_us,
        is_decision and {{ is_first_decision('is_decision') }} as is_point,
        is_snapshot,
        max(change) over all_past as change
        {%- for span in spans %},
        count(case when is_decision then 1 end) over past_{{ span }} as matured_{{ span }}
        {%- endfor %}
    from timeline
    window {{ past_windows(spans, delay_us=maturity) }}
),

points as (
    select * from windowed where is_snapshot or (is_point and at_us >= {{ work.points_from }})
),

counted as (
    select
        points.*
        {%- for span in spans %},
        coalesce(confirmed.frauds_{{ span }}, 0) as frauds_{{ span }}
        {%- endfor %}
    from points
    left join confirmed
        on points.entity_id = confirmed.entity_id and points.change = confirmed.change
)

select
    {{ filed_on() }} as filed_on,
    entity_id,
    at_us,
    is_snapshot
    {%- for span in spans %},
    frauds_{{ span }} as terminal_frauds_{{ span }},
    matured_{{ span }} as terminal_matured_{{ span }},
    cast(frauds_{{ span }} as double) / nullif(matured_{{ span }}, 0) as terminal_fraud_rate_{{ span }}
    {%- endfor %}
from counted

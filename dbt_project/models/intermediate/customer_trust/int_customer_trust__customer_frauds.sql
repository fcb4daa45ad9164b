{{ config(materialized='incremental', unique_key='filed_on') }}
{%- set spans = ['30d', '90d'] -%}
{%- set work = work_range(
    [('payments', 'payments__transactions'), ('payments', 'payments__chargebacks')], lookback='90d'
) -%}

with

decisions as (
    select distinct customer_id as entity_id, observed_us as at_us
    from {{ ref('stg_payments__transactions') }}
    where observed_us >= {{ work.points_from }}
),

customers as (
    select distinct customer_id as entity_id from {{ ref('stg_payments__transactions') }}
),

confirmed as (
    {{ confirmed_steps(ref('int_customer_trust__confirmed_frauds'), 'customer_id', spans) }}
),

timeline as (
    select
        entity_id, at_us, 1 as is_decision, false as is_snapshot
        {%- for span in spans %}, 0 as step_{{ span }}{% endfor %}
    from decisions
    union all
    select
        entity_id, {{ work.as_of }} as at_us, 0, true
        {%- for span in spans %}, 0{% endfor %}
    from customers
    union all
    select
        entity_id, at_us, 0, false
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
        coalesce(sum(step_{{ span }}) over all_past, 0) as frauds_{{ span }}
        {%- endfor %}
    from timeline
    window {{ past_windows([]) }}
)

select
    {{ filed_on() }} as filed_on,
    entity_id,
    at_us,
    is_snapshot,
    cast(tied_decisions as bigint) as tied_decisions
    {%- for span in spans %},
    cast(frauds_{{ span }} as bigint) as customer_frauds_{{ span }}
    {%- endfor %}
from windowed
where is_decision = 1 or is_snapshot

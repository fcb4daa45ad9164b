{{ config(materialized='incremental', unique_key='filed_on') }}
{%- set spans = ['30d', '90d'] -%}
{%- set work = work_range([('payments', 'payments__transactions'), ('payments', 'payments__chargebacks')]) -%}

with

payments as (
    select customer_id as entity_id, observed_us as at_us
    from {{ ref('stg_payments__transactions') }}
    where observed_us >= {{ work.points_from }}
),

customers as (
    select distinct customer_id as entity_id from {{ ref('stg_payments__transactions') }}
),

confirmed as (
    {{ confirmed_counts(ref('int_customer_trust__confirmed_frauds'), 'customer_id', spans) }}
),

timeline as (
    select entity_id, at_us, true as is_decision, false as is_snapshot, cast(null as bigint) as change from payments
    union all
    select entity_id, {{ work.as_of }} as at_us, false, true, null from customers
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
    from timeline
    window {{ past_windows([]) }}
),

counted as (
    select
        windowed.*
        {%- for span in spans %},
        coalesce(confirmed.frauds_{{ span }}, 0) as frauds_{{ span }}
        {%- endfor %}
    from windowed
    left join confirmed
        on windowed.entity_id = confirmed.entity_id and windowed.change = confirmed.change
    where windowed.is_snapshot or windowed.is_point
)

select
    {{ filed_on() }} as filed_on,
    entity_id,
    at_us,
    is_snapshot
    {%- for span in spans %},
    frauds_{{ span }} as customer_frauds_{{ span }}
    {%- endfor %}
from counted

{{ config(materialized='incremental', unique_key='filed_on') }}
{%- set spans = ['7d'] -%}
{%- set work = work_range(
    [('payments', 'payments__transactions'), ('accounts', 'accounts__devices')], lookback='7d'
) -%}

with

payments as (
    select device_id as entity_id, observed_us as at_us
    from {{ ref('stg_payments__transactions') }}
    where device_id is not null and observed_us >= {{ work.context_from }}
),

bindings as (
    select device_id as entity_id, observed_us as at_us from {{ ref('stg_accounts__devices') }}
),

devices as (
    select device_id as entity_id from {{ ref('stg_payments__transactions') }} where device_id is not null
    union
    select entity_id from bindings
),

decisions as (
    select distinct entity_id, at_us from payments where at_us >= {{ work.points_from }}
),

timeline as (
    select entity_id, at_us, true as is_decision, false as is_snapshot, 0 as is_payment, cast(null as bigint) as bound_us
    from decisions
    union all
    select entity_id, {{ work.as_of }} as at_us, false, true, 0, null from devices
    union all
    select entity_id, at_us, false, false, 1, null from payments
    union all
    select entity_id, at_us, false, false, 0, at_us from bindings
),

windowed as (
    select
        entity_id,
        at_us,
        is_decision,
        is_snapshot,
        count(bound_us) over all_past as customers,
        min(bound_us) over all_past as first_bound_us
        {%- for span in spans %},
        coalesce(sum(is_payment) over past_{{ span }}, 0) as payments_{{ span }}
        {%- endfor %}
    from timeline
    window {{ past_windows(spans) }}
)

select
    {{ filed_on() }} as filed_on,
    entity_id,
    at_us,
    is_snapshot
    {%- for span in spans %},
    cast(payments_{{ span }} as bigint) as device_payments_{{ span }}
    {%- endfor %},
    customers as device_customers,
    cast(at_us - first_bound_us as double) / 86400000000 as device_age_days
from windowed
where is_decision or is_snapshot

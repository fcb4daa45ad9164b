{{ config(materialized='incremental', unique_key='filed_on') }}
{%- set spans = ['7d'] -%}
{%- set work = work_range(
    [('payments', 'payments__transactions'), ('accounts', 'accounts__devices')], lookback='7d'
) -%}

with

payments as (
    select device_id as entity_id, observed_us as at_us, 1 as payments
    from {{ ref('stg_payments__transactions') }}
    where device_id is not null
),

-- a binding counts for good, so there is no window: the state after each holds until the next
bindings as (
    select
        device_id as entity_id,
        observed_us as at_us,
        min(observed_us) over (partition by device_id) as first_bound_us,
        sum(count(*)) over (partition by device_id order by observed_us) as customers
    from {{ ref('stg_accounts__devices') }}
    group by device_id, observed_us
),

devices as (
    select entity_id from payments
    union
    select entity_id from bindings
),

points as (
    {{ points_of('payments', 'devices', work) }}
),

recent_payments as (
    select * from payments where at_us >= {{ work.context_from }}
),

paid as (
    {{ sums_of_past('recent_payments', 'points', ['payments'], spans) }}
),

known as (
    {{ state_before('paid', 'bindings', ['customers', 'first_bound_us']) }}
)

select
    {{ filed_on() }} as filed_on,
    entity_id,
    at_us,
    is_snapshot
    {%- for span in spans %},
    payments_{{ span }} as device_payments_{{ span }}
    {%- endfor %},
    cast(coalesce(customers, 0) as bigint) as device_customers,
    cast(at_us - first_bound_us as double) / 86400000000 as device_age_days
from known

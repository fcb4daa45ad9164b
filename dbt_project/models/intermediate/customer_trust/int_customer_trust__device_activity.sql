{{ config(materialized='incremental', unique_key='filed_on') }}
{%- set spans = ['7d'] -%}
{%- set work = work_range(
    [('payments', 'payments__transactions'), ('accounts', 'accounts__devices')], lookback='7d'
) -%}

with

payments as (
    select device_id as entity_id, observed_us as at_us, transaction_id
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

timeline as (
    select entity_id, at_us, transaction_id, false as is_snapshot, cast(null as bigint) as bound_us from payments
    union all
    select entity_id, {{ work.as_of }} as at_us, null, true, null from devices
    union all
    select entity_id, at_us, null, false, at_us from bindings
),

windowed as (
    select
        entity_id,
        at_us,
        is_snapshot,
        transaction_id,
        min(transaction_id) over same_instant as first_decision,
        count(transaction_id) over same_instant as tied_decisions,
        count(transaction_id) over past_7d as payments_7d,
        count(bound_us) over all_past as customers,
        min(bound_us) over all_past as first_bound_us
    from timeline
    window {{ past_windows(spans) }}
)

select
    {{ filed_on() }} as filed_on,
    entity_id,
    at_us,
    is_snapshot,
    tied_decisions,
    payments_7d as device_payments_7d,
    customers as device_customers,
    cast(at_us - first_bound_us as double) / 86400000000 as device_age_days
from windowed
where is_snapshot or (at_us >= {{ work.points_from }} and transaction_id = first_decision)

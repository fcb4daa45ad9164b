{{ config(materialized='incremental', unique_key='filed_on') }}
{%- set spans = ['1d', '7d'] -%}
{%- set work = work_range(
    [('payments', 'payments__transactions'), ('accounts', 'accounts__logins'), ('accounts', 'accounts__devices')],
    lookback='7d'
) -%}

with

payments as (
    select customer_id as entity_id, observed_us as at_us from {{ ref('stg_payments__transactions') }}
),

customers as (
    select distinct entity_id from payments
),

points as (
    {{ points_of('payments', 'customers', work) }}
),

logins as (
    select
        customer_id as entity_id,
        observed_us as at_us,
        1 as logins,
        case when is_successful then 0 else 1 end as failed_logins
    from {{ ref('stg_accounts__logins') }}
    where observed_us >= {{ work.context_from }}
),

attempted as (
    {{ sums_of_past('logins', 'points', ['logins', 'failed_logins'], spans) }}
),

-- a binding counts for good, so there is no window: the state after each holds until the next
bindings as (
    select
        customer_id as entity_id,
        observed_us as at_us,
        observed_us as last_bound_us,
        sum(count(*)) over (partition by customer_id order by observed_us) as devices
    from {{ ref('stg_accounts__devices') }}
    group by customer_id, observed_us
),

known as (
    {{ state_before('attempted', 'bindings', ['devices', 'last_bound_us']) }}
)

select
    {{ filed_on() }} as filed_on,
    entity_id,
    at_us,
    is_snapshot
    {%- for span in spans %},
    logins_{{ span }} as customer_logins_{{ span }},
    failed_logins_{{ span }} as customer_failed_logins_{{ span }}
    {%- endfor %},
    cast(coalesce(devices, 0) as bigint) as customer_devices,
    cast(at_us - last_bound_us as double) / 86400000000 as customer_days_since_new_device
from known

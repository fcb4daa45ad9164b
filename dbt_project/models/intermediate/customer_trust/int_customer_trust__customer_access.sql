{{ config(materialized='incremental', unique_key='filed_on') }}
{%- set spans = ['1d', '7d'] -%}
{%- set work = work_range(
    [('payments', 'payments__transactions'), ('accounts', 'accounts__logins'), ('accounts', 'accounts__devices')],
    lookback='7d'
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

logins as (
    select customer_id as entity_id, observed_us as at_us, case when is_successful then 0 else 1 end as is_failed
    from {{ ref('stg_accounts__logins') }}
    where observed_us >= {{ work.context_from }}
),

bindings as (
    select customer_id as entity_id, observed_us as at_us from {{ ref('stg_accounts__devices') }}
),

timeline as (
    select
        entity_id, at_us, 1 as is_decision, false as is_snapshot,
        0 as is_login, 0 as is_failed, cast(null as bigint) as bound_us
    from decisions
    union all
    select entity_id, {{ work.as_of }} as at_us, 0, true, 0, 0, null from customers
    union all
    select entity_id, at_us, 0, false, 1, is_failed, null from logins
    union all
    select entity_id, at_us, 0, false, 0, 0, at_us from bindings
),

windowed as (
    select
        entity_id,
        at_us,
        is_decision,
        is_snapshot,
        count(bound_us) over all_past as devices,
        max(bound_us) over all_past as last_bound_us
        {%- for span in spans %},
        coalesce(sum(is_login) over past_{{ span }}, 0) as logins_{{ span }},
        coalesce(sum(is_failed) over past_{{ span }}, 0) as failed_logins_{{ span }}
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
    cast(logins_{{ span }} as bigint) as customer_logins_{{ span }},
    cast(failed_logins_{{ span }} as bigint) as customer_failed_logins_{{ span }}
    {%- endfor %},
    devices as customer_devices,
    cast(at_us - last_bound_us as double) / 86400000000 as customer_days_since_new_device
from windowed
where is_decision = 1 or is_snapshot

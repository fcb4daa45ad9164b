{{ config(materialized='incremental', unique_key='filed_on') }}
{%- set spans = ['1h', '1d', '7d', '30d'] -%}
{%- set work = work_range([('payments', 'payments__transactions')], lookback='30d') -%}

with

payments as (
    select
        customer_id as entity_id,
        observed_us as at_us,
        cast(amount * 100 as bigint) as amount_minor,
        terminal_id
    from {{ ref('stg_payments__transactions') }}
    where observed_us >= {{ work.context_from }}
),

customers as (
    select distinct customer_id as entity_id from {{ ref('stg_payments__transactions') }}
),

timeline as (
    select entity_id, at_us, amount_minor, terminal_id, false as is_snapshot
    from payments
    union all
    select entity_id, {{ work.as_of }} as at_us, null, null, true
    from customers
),

windowed as (
    select
        entity_id,
        at_us,
        is_snapshot,
        {{ is_first_decision('not is_snapshot') }} as is_first_decision,
        max(case when amount_minor is not null then at_us end) over past_30d as last_payment_us
        {%- for span in spans %},
        count(amount_minor) over past_{{ span }} as payments_{{ span }},
        sum(amount_minor) over past_{{ span }} as amount_minor_{{ span }},
        max(amount_minor) over past_{{ span }} as amount_minor_max_{{ span }}
        {%- endfor %}
        {%- for span in ['7d', '30d'] %},
        {{ count_distinct_over('terminal_id', 'past_' ~ span) }} as terminals_{{ span }}
        {%- endfor %}
    from timeline
    window {{ past_windows(spans) }}
)

select
    {{ filed_on() }} as filed_on,
    entity_id,
    at_us,
    is_snapshot,
    cast(at_us - last_payment_us as double) / 1000000 as customer_seconds_since_payment
    {%- for span in spans %},
    payments_{{ span }} as customer_payments_{{ span }},
    coalesce({{ from_minor('amount_minor_' ~ span) }}, 0) as customer_amount_sum_{{ span }},
    {{ from_minor('amount_minor_' ~ span) }} / nullif(payments_{{ span }}, 0) as customer_amount_mean_{{ span }},
    {{ from_minor('amount_minor_max_' ~ span) }} as customer_amount_max_{{ span }}
    {%- endfor %},
    terminals_7d as customer_terminals_7d,
    terminals_30d as customer_terminals_30d
from windowed
where is_snapshot or (at_us >= {{ work.points_from }} and is_first_decision)

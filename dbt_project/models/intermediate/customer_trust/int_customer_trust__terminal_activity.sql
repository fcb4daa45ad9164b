{{ config(materialized='incremental', unique_key='filed_on') }}
{%- set spans = ['1d', '7d', '30d'] -%}
{%- set work = work_range([('payments', 'payments__transactions')], lookback='30d') -%}

with

payments as (
    select
        terminal_id as entity_id,
        observed_us as at_us,
        1 as payments,
        cast(amount * 100 as bigint) as amount_minor
    from {{ ref('stg_payments__transactions') }}
    where observed_us >= {{ work.context_from }}
),

terminals as (
    select distinct terminal_id as entity_id from {{ ref('stg_payments__transactions') }}
),

points as (
    {{ points_of('payments', 'terminals', work) }}
),

windowed as (
    {{ sums_of_past('payments', 'points', ['payments', 'amount_minor'], spans) }}
)

select
    {{ filed_on() }} as filed_on,
    entity_id,
    at_us,
    is_snapshot
    {%- for span in spans %},
    payments_{{ span }} as terminal_payments_{{ span }},
    {{ from_minor('amount_minor_' ~ span) }} / nullif(payments_{{ span }}, 0) as terminal_amount_mean_{{ span }}
    {%- endfor %}
from windowed

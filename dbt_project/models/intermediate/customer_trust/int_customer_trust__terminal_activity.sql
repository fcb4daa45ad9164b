{{ config(materialized='incremental', unique_key='filed_on') }}
{%- set spans = ['1d', '7d', '30d'] -%}
{%- set work = work_range([('payments', 'payments__transactions')], lookback='30d') -%}

with

payments as (
    select
        terminal_id as entity_id,
        observed_us as at_us,
        cast(amount * 100 as bigint) as amount_minor
    from {{ ref('stg_payments__transactions') }}
    where observed_us >= {{ work.context_from }}
),

terminals as (
    select distinct terminal_id as entity_id from {{ ref('stg_payments__transactions') }}
),

timeline as (
    select entity_id, at_us, amount_minor, false as is_snapshot
    from payments
    union all
    select entity_id, {{ work.as_of }} as at_us, null, true
    from terminals
),

windowed as (
    select
        entity_id,
        at_us,
        is_snapshot,
        {{ is_first_decision('not is_snapshot') }} as is_first_decision
        {%- for span in spans %},
        count(amount_minor) over past_{{ span }} as payments_{{ span }},
        sum(amount_minor) over past_{{ span }} as amount_minor_{{ span }}
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
    payments_{{ span }} as terminal_payments_{{ span }},
    {{ from_minor('amount_minor_' ~ span) }} / nullif(payments_{{ span }}, 0) as terminal_amount_mean_{{ span }}
    {%- endfor %}
from windowed
where is_snapshot or (at_us >= {{ work.points_from }} and is_first_decision)

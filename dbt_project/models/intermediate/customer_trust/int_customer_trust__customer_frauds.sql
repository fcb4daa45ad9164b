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

points as (
    {{ points_of('payments', 'customers', work) }}
),

confirmed as (
    {{ confirmed_counts(ref('int_customer_trust__confirmed_frauds'), 'customer_id', spans) }}
),

known as (
    {{ state_before('points', 'confirmed', ['frauds_30d', 'frauds_90d']) }}
)

select
    {{ filed_on() }} as filed_on,
    entity_id,
    at_us,
    is_snapshot
    {%- for span in spans %},
    coalesce(frauds_{{ span }}, 0) as customer_frauds_{{ span }}
    {%- endfor %}
from known

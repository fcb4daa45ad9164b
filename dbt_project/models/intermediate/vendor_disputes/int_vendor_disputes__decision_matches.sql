{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set tables = [
    ('payables', 'payables__invoice_lines'),
    ('purchasing', 'purchasing__order_lines'),
    ('receiving', 'receiving__receipts'),
    ('receiving', 'receiving__returns'),
] -%}
{%- set restart = restart_day(tables, parameters={'tolerances': seed_fingerprint('vendor_disputes_tolerances')}) -%}

with

-- an order line is matched as a whole: all of it, where a line of it has to be matched again
touched as (
    select distinct order_line_id
    from {{ ref('stg_payables__invoice_lines') }}
    {% if restart is not none %}
        where observed_on >= cast('{{ restart }}' as date)
    {% endif %}
),

lines as (
    select
        *,
        observed_us as matched_us
    from {{ ref('stg_payables__invoice_lines') }} as billed
    {% if restart is not none %}
        where order_line_id in (select order_line_id from touched)
            or (order_line_id is null and observed_on >= cast('{{ restart }}' as date))
    {% endif %}
),

{%- for name, model in {
    'order_lines': 'stg_purchasing__order_lines',
    'receipts': 'stg_receiving__receipts',
    'returns': 'stg_receiving__returns',
}.items() %}

{{ name }} as (
    select *
    from {{ ref(model) }}
    {% if restart is not none %}
        where order_line_id in (select order_line_id from touched)
    {% endif %}
),
{%- endfor %}

matched as (
    {{ three_way_match('lines', 'order_lines', 'receipts', 'returns', ref('vendor_disputes_tolerances')) }}
)

select
    *,
    cast({{ from_epoch_us('observed_us') }} as date) as observed_on
from matched
{% if restart is not none %}
    where observed_us >= {{ day_us(restart) }}
{% endif %}

{#-
  Every column is what its `config.meta.expect` says: `not_null`, `not_negative` (zero or more, where it is there).

  One query for all columns of a model: a test for each would cost a build more than its models do. A row of the result
  is a column that does not hold, with what was expected of it and how many rows are otherwise.
-#}
{% test columns_hold(model) %}
{%- set broken = {'not_null': '{} is null', 'not_negative': '{} < 0'} -%}
{%- set expected = [] -%}
{%- for node in (graph.nodes.values() if execute else []) if node.relation_name == model | string -%}
  {%- for column in node.columns.values() -%}
    {%- for expectation in column.config.meta.get('expect', []) -%}
      {%- if expectation not in broken -%}
        {{ exceptions.raise_compiler_error(
          node.name ~ "." ~ column.name ~ ": config.meta.expect: expected some of " ~ (broken | join(', ')) ~ ", found " ~ expectation
        ) }}
      {%- endif -%}
      {%- do expected.append((column.name, expectation)) -%}
    {%- endfor -%}
  {%- endfor -%}
{%- endfor -%}
{%- if execute and not expected -%}
  {{ exceptions.raise_compiler_error(model ~ ": columns_hold needs a column with config.meta.expect, found none") }}
{%- endif -%}
with counted as (
    select
    {%- for column, expectation in expected %}
        count(case when {{ broken[expectation].format(column) }} then 1 end) as {{ column }}__{{ expectation }}{{ ',' if not loop.last }}
    {%- endfor %}
    from {{ model }}
)
{%- for column, expectation in expected %}
select '{{ column }}' as column_name, '{{ expectation }}' as expectation, {{ column }}__{{ expectation }} as rows_otherwise
from counted where {{ column }}__{{ expectation }} > 0
{%- if not loop.last %} union all{% endif %}
{%- endfor %}
{% endtest %}

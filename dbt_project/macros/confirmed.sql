{#-
  Confirmed frauds as steps up and down, so that their running sum is how many were confirmed within a span and not
  withdrawn since: up when confirmed, down when withdrawn or when the span has passed. A sum over a trailing window
  would go wrong where a chargeback has left the window and its reversal has not.
-#}
{% macro confirmed_steps(relation, entity, spans) -%}
  select
    {{ entity }} as entity_id,
    confirmed_us as at_us
    {%- for span in spans %},
    1 as step_{{ span }}
    {%- endfor %}
  from {{ relation }}
  {%- for ending in spans %}
  union all
  select
    {{ entity }} as entity_id,
    least(confirmed_us + {{ span_us(ending) }}, coalesce(withdrawn_us, confirmed_us + {{ span_us(ending) }})) as at_us
    {%- for span in spans %},
    {{ -1 if span == ending else 0 }} as step_{{ span }}
    {%- endfor %}
  from {{ relation }}
  {%- endfor %}
{%- endmacro %}

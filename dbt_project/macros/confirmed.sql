{#-
  How many frauds of an entity were confirmed within a span and not withdrawn since, at every instant at which a count
  changes: up when confirmed, down when withdrawn or when the span has passed. A sum over a trailing window would go
  wrong where a chargeback has left the window and its reversal has not.
-#}
{% macro confirmed_counts(relation, entity, spans) -%}
  select
    entity_id,
    at_us
    {%- for span in spans %},
    cast(sum(sum(step_{{ span }})) over (partition by entity_id order by at_us) as bigint) as frauds_{{ span }}
    {%- endfor %}
  from (
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
  ) as steps
  group by entity_id, at_us
{%- endmacro %}

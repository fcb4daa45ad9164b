{#-
  A feature view's mart from its window model: join key, the two timestamps Feast needs and the features, whose names
  are those of the mart's YAML, so a feature is declared there and nowhere else. Values at a point use only what was
  observed before it, so all of a row is known at its `event_timestamp`.
-#}
{% macro feature_view(windows) -%}
  {%- set join_key = model.config.meta.feature_view.join_key if execute else 'entity_id' -%}
  select
    entity_id as {{ join_key }},
    {{ from_epoch_us('at_us') }} as event_timestamp,
    {{ from_epoch_us('at_us') }} as created_timestamp
    {%- for name in model.columns if name not in [join_key, 'event_timestamp', 'created_timestamp'] %},
    {{ name }}
    {%- endfor %}
  from {{ windows }}
  where not (is_snapshot and tied_decisions > 0)
{%- endmacro %}

{#- A layer's schema has the layer's name, not the target's name before it. -#}
{% macro generate_schema_name(custom_schema_name=none, node=none) -%}
  {{ return((custom_schema_name or target.schema) | trim) }}
{%- endmacro %}

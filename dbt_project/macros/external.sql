{#-
  Marts as Parquet files that appear at once.

  Takes the place of dbt-duckdb's own `external`, which writes a row of nulls where there is no row, and keeps a second
  copy of the data in the warehouse while it writes. DuckDB writes to `tmp_<file>` in the same folder and renames it
  (`use_tmp_file`), so a reader sees the old file or the new one.
-#}
{% materialization external, adapter="duckdb" %}
  {%- set location = env_var('RISKLOOM_HOME', '.riskloom') ~ '/marts/' ~ model.fqn[-2] ~ '/' ~ this.identifier ~ '.parquet' -%}
  {%- set target_relation = this.incorporate(type='view') -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set order_by = config.get('order_by') -%}

  {{ run_hooks(pre_hooks) }}

  {%- if config.get('contract').enforced -%}
    {{ get_assert_columns_equivalent(sql) }}
  {%- endif -%}

  {% call statement('main') -%}
    copy (
      {{ get_select_subquery(sql) if config.get('contract').enforced else sql }}
      {% if order_by %}order by {{ order_by | join(', ') }}{% endif %}
    ) to '{{ location | replace("'", "''") }}' (format parquet, compression zstd, use_tmp_file true)
  {%- endcall %}

  {% if existing is not none and existing.type != 'view' %}
    {{ drop_relation_if_exists(existing) }}
  {% endif %}
  {% call statement('publish') -%}
    create or replace view {{ target_relation }} as (
      select * from read_parquet('{{ location | replace("'", "''") }}')
    )
  {%- endcall %}

  {{ run_hooks(post_hooks) }}
  {% do persist_docs(target_relation, model) %}
  {{ adapter.commit() }}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

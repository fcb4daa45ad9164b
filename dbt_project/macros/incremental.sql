{#-
  What a build works on again.

  Every table is cut by the day on which its rows were observed, and a build replaces whole days. It starts at the
  first day on which a landed table or a stream it depends on has other rows than the last build saw (the domain's
  coverage mart says what that was), so rows that land late, with an old `observed_at`, are taken in like any others, and
  a build after nothing new only writes the new current state. Landed files are never changed, so counts and sums suffice.
-#}

{#- The day before which nothing has changed, as a date, or none when everything is to be built. -#}
{% macro restart_day(sources=[], streams={}, parameters={}, domain=none) -%}
  {%- if not execute or not is_incremental() -%}
    {{ return(none) }}
  {%- endif -%}
  {%- set last = adapter.get_relation(target.database, generate_schema_name('marts'), (domain or domain_of_source(sources[0])) ~ '__coverage') -%}
  {%- if last is none -%}
    {{ return(none) }}
  {%- endif -%}
  {%- set changed -%}
    with
    now_landed as ({{ landed_days(sources, streams, parameters) }}),
    last_built as (
      select source_table, observed_on, landed_rows, observed_sum
      from {{ last }}
      where source_table in ({% for item in sources %}'{{ item[1] }}', {% endfor %}
        {%- for name in streams.keys() | list + parameters.keys() | list %}'{{ name }}', {% endfor %}'')
    )
    select min(coalesce(now_landed.observed_on, last_built.observed_on)) as observed_on
    from now_landed
    full outer join last_built
      on now_landed.source_table = last_built.source_table and now_landed.observed_on = last_built.observed_on
    where now_landed.landed_rows is distinct from last_built.landed_rows
      or now_landed.observed_sum is distinct from last_built.observed_sum
  {%- endset -%}
  {{ return(run_query(changed).columns[0].values()[0] or modules.datetime.date(9999, 12, 31)) }}
{%- endmacro %}


{#-
  Rows a day of each landed table and each stream (its name and relation), and each parameter of the models as a row of
  the first day there is.
-#}
{% macro landed_days(sources=[], streams={}, parameters={}) -%}
  {%- set parts = [] -%}
  {%- for source_name, table in sources -%}
    {%- do parts.append(rows_a_day(table, landed(source_name, table), 'observed_at', epoch_us('observed_at'))) -%}
  {%- endfor -%}
  {%- for name, relation in streams.items() -%}
    {%- do parts.append(rows_a_day(name, relation, from_epoch_us('observed_us'), 'observed_us')) -%}
  {%- endfor -%}
  {%- for name, value in parameters.items() -%}
    {%- set part -%}
    select
      '{{ name }}' as source_table,
      cast('1970-01-01' as date) as observed_on,
      cast({{ value }} as bigint) as landed_rows,
      cast(0 as decimal(38, 0)) as observed_sum
    {%- endset -%}
    {%- do parts.append(part) -%}
  {%- endfor -%}
  {{ parts | join('\n    union all\n') }}
{%- endmacro %}

{% macro rows_a_day(name, relation, observed_at, observed_us) -%}
    select
      '{{ name }}' as source_table,
      cast({{ observed_at }} as date) as observed_on,
      count(*) as landed_rows,
      cast(sum({{ observed_us }}) as decimal(38, 0)) as observed_sum
    from {{ relation }}
    group by 1, 2
{%- endmacro %}


{#- A landed table, or what of it was observed on the restart day or later. -#}
{% macro landed_since(source_name, table, restart) -%}
    select *
    from {{ landed(source_name, table) }}
    {%- if restart is not none %}
    where observed_at >= cast('{{ restart }}' as timestamp)
    {%- endif %}
{%- endmacro %}


{#-
  Which rows of a relation to add: those whose key the model has not taken in on a day before the restart. A row that is
  sent again on a later day is not the first of its key, and is left out as a full build would leave it out.
-#}
{% macro not_accepted_before(relation, key, restart) -%}
  {%- if restart is not none -%}
where not exists (
    select 1
    from {{ this }} as earlier
    where earlier.{{ key }} = {{ relation }}.{{ key }} and earlier.observed_on < cast('{{ restart }}' as date)
)
  {%- endif -%}
{%- endmacro %}


{#- A day's first microsecond; the earliest instant there is for none. -#}
{% macro day_us(day) -%}
  {%- if day is none -%}{{ return(-62135596800000000) }}{%- endif -%}
  {{ return((day - modules.datetime.date(1970, 1, 1)).days * 86400000000) }}
{%- endmacro %}


{#- The domain whose landing folder holds a source, as the source's YAML says. -#}
{% macro domain_of_source(item) -%}
  {%- for node in graph.sources.values() if node.source_name == item[0] and node.name == item[1] -%}
    {{ return(node.config.meta.domain) }}
  {%- endfor -%}
  {{ exceptions.raise_compiler_error("no source " ~ item[0] ~ "." ~ item[1] ~ " with meta.domain") }}
{%- endmacro %}


{#- The fingerprint of a seed's file as a whole number, for `parameters`: another content has another. -#}
{% macro seed_fingerprint(name) -%}
  {%- if not execute -%}{{ return(0) }}{%- endif -%}
  {%- for node in graph.nodes.values() if node.resource_type == 'seed' and node.name == name -%}
    {{ return((node.checksum.checksum[:15]) | int(base=16)) }}
  {%- endfor -%}
  {{ exceptions.raise_compiler_error("no seed " ~ name) }}
{%- endmacro %}

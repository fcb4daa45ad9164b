{#- A landed table as it came: Parquet files below the landing folder of the domain that owns the source. -#}

{% macro landed(source_name, table) -%}
  {{ return(adapter.dispatch('landed')(source_name, table)) }}
{%- endmacro %}

{% macro duckdb__landed(source_name, table) -%}
  {{ source(source_name, table) }}
{%- endmacro %}

{% macro spark__landed(source_name, table) -%}
  {%- do source(source_name, table) -%}
  parquet.`{{ env_var('RISKLOOM_HOME') }}/landing/{{ domain_of_source((source_name, table)) if execute }}/{{ table }}`
{%- endmacro %}


{#- The first accepted row of each key: the one observed first; `tie_breakers` make the choice a function of the data. -#}
{% macro first_accepted(relation, key, tie_breakers=[]) -%}
  select *
  from (
    select
      *,
      row_number() over (
        partition by {{ key | join(', ') }}
        order by {{ (['observed_at', 'effective_at'] + tie_breakers) | join(', ') }}
      ) as acceptance
    from {{ relation }}
  ) as ranked
  where acceptance = 1
{%- endmacro %}

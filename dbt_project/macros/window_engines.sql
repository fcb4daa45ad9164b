{#- Where engines write the same thing differently. -#}


{#- A step of a query that is read by several others and cheaper to do again than to keep. -#}
{% macro inlined() -%}
  {{ return(adapter.dispatch('inlined')()) }}
{%- endmacro %}

{% macro duckdb__inlined() -%}
  {{ return('not materialized') }}
{%- endmacro %}

{% macro default__inlined() -%}
  {{ return('') }}
{%- endmacro %}


{#- How often a whole number goes into another; of an instant and a hop, the number of the hop that holds it. -#}
{% macro quotient(dividend, divisor) -%}
  {{ return(adapter.dispatch('quotient')(dividend, divisor)) }}
{%- endmacro %}

{% macro duckdb__quotient(dividend, divisor) -%}
  {{ return(dividend ~ ' // ' ~ divisor) }}
{%- endmacro %}

{% macro spark__quotient(dividend, divisor) -%}
  {{ return(dividend ~ ' div ' ~ divisor) }}
{%- endmacro %}


{#- A row for each whole number from one to another, both included. -#}
{% macro each_of(first, last) -%}
  {{ return(adapter.dispatch('each_of')(first, last)) }}
{%- endmacro %}

{% macro duckdb__each_of(first, last) -%}
  {{ return('unnest(range(' ~ first ~ ', ' ~ last ~ ' + 1))') }}
{%- endmacro %}

{% macro spark__each_of(first, last) -%}
  {{ return('explode(sequence(' ~ first ~ ', ' ~ last ~ '))') }}
{%- endmacro %}


{#- A whole number of up to 38 digits, for squares of 64-bit numbers. -#}
{% macro wide(number) -%}
  {{ return(adapter.dispatch('wide')(number)) }}
{%- endmacro %}

{% macro duckdb__wide(number) -%}
  {{ return('cast(' ~ number ~ ' as hugeint)') }}
{%- endmacro %}

{% macro spark__wide(number) -%}
  {{ return('cast(' ~ number ~ ' as decimal(38, 0))') }}
{%- endmacro %}


{#- A value behind its place in order: the greatest of them is the newest. -#}
{% macro placed(axis, entry, value) -%}
  {{ return(adapter.dispatch('placed')(axis, entry, value)) }}
{%- endmacro %}

{% macro duckdb__placed(axis, entry, value) -%}
  {{ return('struct_pack(axis := ' ~ axis ~ ', entry := ' ~ entry ~ ', value := ' ~ value ~ ')') }}
{%- endmacro %}

{% macro spark__placed(axis, entry, value) -%}
  {{ return("named_struct('axis', " ~ axis ~ ", 'entry', " ~ entry ~ ", 'value', " ~ value ~ ')') }}
{%- endmacro %}


{#- Rows that have a match, each once, whatever the number of matches. -#}
{% macro semi_join() -%}
  {{ return(adapter.dispatch('semi_join')()) }}
{%- endmacro %}

{% macro duckdb__semi_join() -%}
  {{ return('semi join') }}
{%- endmacro %}

{% macro default__semi_join() -%}
  {{ return('left semi join') }}
{%- endmacro %}


{#- How many values other than null a column has in a named window. -#}
{% macro distinct_over(column, window) -%}
  {{ return(adapter.dispatch('distinct_over')(column, window)) }}
{%- endmacro %}

{% macro duckdb__distinct_over(column, window) -%}
  {{ return('count(distinct ' ~ column ~ ') over ' ~ window) }}
{%- endmacro %}

{% macro spark__distinct_over(column, window) -%}
  {{ return('cast(size(collect_set(' ~ column ~ ') over ' ~ window ~ ') as bigint)') }}
{%- endmacro %}

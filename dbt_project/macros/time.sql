{#- Time as integer microseconds since 1970 in UTC: exact, and the same arithmetic on every engine. -#}

{% macro epoch_us(column) -%}
  {{ return(adapter.dispatch('epoch_us')(column)) }}
{%- endmacro %}

{% macro duckdb__epoch_us(column) -%}
  epoch_us({{ column }})
{%- endmacro %}

{% macro spark__epoch_us(column) -%}
  unix_micros(cast({{ column }} as timestamp_ltz))
{%- endmacro %}


{% macro from_epoch_us(column) -%}
  {{ return(adapter.dispatch('from_epoch_us')(column)) }}
{%- endmacro %}

{% macro duckdb__from_epoch_us(column) -%}
  make_timestamp({{ column }})
{%- endmacro %}

{% macro spark__from_epoch_us(column) -%}
  cast(timestamp_micros({{ column }}) as timestamp_ntz)
{%- endmacro %}


{#- `30m`, `12h`, `7d` as whole microseconds. -#}
{% macro span_us(span) -%}
  {%- set units = {'s': 1000000, 'm': 60000000, 'h': 3600000000, 'd': 86400000000} -%}
  {%- if span[-1] not in units or not span[:-1].isdigit() -%}
    {{ exceptions.raise_compiler_error("a span is a whole number followed by s, m, h or d, such as 7d; found " ~ span) }}
  {%- endif -%}
  {{ return((span[:-1] | int) * units[span[-1]]) }}
{%- endmacro %}


{#-
  What a build must be told, having no honest default: the variable of that name or, as `riskloom` passes it, RISKLOOM_NAME
  in the environment. The environment is read only where SQL is rendered to run: for another variable, or another value
  of what is read while parsing, dbt would parse the whole project anew.
-#}
{% macro required_var(name) -%}
  {%- if not execute -%}{{ return(var(name, none)) }}{%- endif -%}
  {%- set variable = 'RISKLOOM_' ~ name | upper -%}
  {%- set found = var(name, none) or env_var(variable, '') -%}
  {%- if not found -%}
    {{ exceptions.raise_compiler_error(variable ~ " is missing; set it, or pass --vars '{" ~ name ~ ": …}'") }}
  {%- endif -%}
  {{ return(found) }}
{%- endmacro %}


{#- The build's instant, `as_of`, in microseconds: what is published as the current state is the state just before it. -#}
{% macro as_of_us() -%}
  {%- set text = required_var('as_of') -%}
  {%- if text is none -%}{{ return(0) }}{%- endif -%}
  {%- set instant = modules.datetime.datetime.fromisoformat(text | string) -%}
  {%- if instant.tzinfo is none -%}
    {%- set instant = instant.replace(tzinfo=modules.pytz.utc) -%}
  {%- endif -%}
  {%- set elapsed = instant - modules.datetime.datetime(1970, 1, 1, tzinfo=modules.pytz.utc) -%}
  {{ return((elapsed.days * 86400 + elapsed.seconds) * 1000000 + elapsed.microseconds) }}
{%- endmacro %}

{#-
  Windows over time, in one place.

  A timeline has rows of one entity (`entity_id`) at an instant (`at_us`, microseconds): what happened, and the points
  at which the past is asked for. The axis is knowledge, `observed_at`. A window ends one microsecond before its point,
  so a point never sees itself nor anything observed at the same instant, and its value is a function of the entity and
  the instant alone.
-#}
{% macro past_windows(spans) -%}
  {%- for span in spans %}
  past_{{ span }} as (
    partition by entity_id order by at_us
    range between {{ span_us(span) }} preceding and 1 preceding
  ),
  {%- endfor %}
  all_past as (partition by entity_id order by at_us range between unbounded preceding and 1 preceding),
  same_instant as (partition by entity_id order by at_us range between current row and current row)
{%- endmacro %}


{% macro count_distinct_over(column, window) -%}
  {{ return(adapter.dispatch('count_distinct_over')(column, window)) }}
{%- endmacro %}

{% macro duckdb__count_distinct_over(column, window) -%}
  count(distinct {{ column }}) over {{ window }}
{%- endmacro %}

{% macro spark__count_distinct_over(column, window) -%}
  size(collect_set({{ column }}) over {{ window }})
{%- endmacro %}


{#- Whole minor units (cents) as the currency's unit. -#}
{% macro from_minor(expression) -%}
  cast({{ expression }} as double) / 100
{%- endmacro %}


{#-
  The days a window model replaces: those of its points, and one for the current state of every entity, which each
  build writes anew. Returned as `points_from` and `context_from` in microseconds: rows before the latter can touch no
  window that is asked for.
-#}
{% macro work_range(sources, lookback, parameters={}) -%}
  {%- set points_from = day_us(restart_day(sources, parameters)) -%}
  {%- set earliest = [points_from, as_of_us()] | min -%}
  {{ return({'points_from': points_from, 'context_from': earliest - span_us(lookback), 'as_of': as_of_us()}) }}
{%- endmacro %}


{#- The day a point's row is filed under; the current state has a day of its own. -#}
{% macro filed_on() -%}
  case when is_snapshot then cast('9999-12-31' as date) else cast({{ from_epoch_us('at_us') }} as date) end
{%- endmacro %}


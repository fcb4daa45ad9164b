{#-
  Windows over time, in one place.

  A timeline has rows of one entity (`entity_id`) at an instant (`at_us`, microseconds): what happened, and the points
  at which the past is asked for. The axis is knowledge, `observed_at`. A window ends one microsecond before its point,
  so a point never sees itself nor anything observed at the same instant, and its value is a function of the entity and
  the instant alone.
-#}

{#- `past_7d`: the seven days before the point. With a delay, the same of what had been there for that long by then. -#}
{% macro past_windows(spans, delay_us=0) -%}
  {%- for span in spans %}
  past_{{ span }} as (
    partition by entity_id order by at_us
    range between {{ span_us(span) + delay_us }} preceding and {{ delay_us + 1 }} preceding
  ),
  {%- endfor %}
  all_past as (partition by entity_id order by at_us range between unbounded preceding and 1 preceding),
  rows_before as (partition by entity_id order by at_us rows between unbounded preceding and 1 preceding)
{%- endmacro %}


{#- Whether no decision of the entity at the same instant stands before the row: several would have the same values. -#}
{% macro is_first_decision(is_decision) -%}
  coalesce(max(case when {{ is_decision }} then at_us end) over rows_before, at_us - 1) <> at_us
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
  What a window model works on: points from `points_from` on, which are those of days that have changed, and the current
  state of every entity at `as_of`, which each build writes anew. Rows before `context_from` can touch no window that is
  asked for. All in microseconds; `delay_us` as in `past_windows`.
-#}
{% macro work_range(sources, lookback='0s', delay_us=0, parameters={}) -%}
  {%- set points_from = day_us(restart_day(sources, parameters)) -%}
  {%- set earliest = [points_from, as_of_us()] | min -%}
  {{ return({
    'points_from': points_from, 'context_from': earliest - span_us(lookback) - delay_us, 'as_of': as_of_us()
  }) }}
{%- endmacro %}


{#- The day a point's row is filed under; the current state has a day of its own, replaced by every build. -#}
{% macro filed_on() -%}
  case when is_snapshot then cast('9999-12-31' as date) else cast({{ from_epoch_us('at_us') }} as date) end
{%- endmacro %}


{#-
  A feature view's mart from its window model: join key, the two timestamps Feast needs and the features, whose names
  are those of the mart's YAML, so a feature is declared there and nowhere else. Values at a point use only what was
  observed before it, so all of a row is known at its `event_timestamp`. Where an entity is decided at the very `as_of`,
  that row is its current state and the snapshot says the same again.
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
  where not (
    is_snapshot
    and entity_id in (select entity_id from {{ windows }} where at_us = {{ as_of_us() }} and not is_snapshot)
  )
{%- endmacro %}

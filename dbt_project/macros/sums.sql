{#-
  Sums over trailing windows where one entity may hold a large part of all rows: a web shop, a payment provider.

  A RANGE frame searches the whole partition for the edges of every row's window, which for a million rows of one entity
  takes minutes. On DuckDB the sums are differences of running sums instead, found by ASOF joins, in time that grows with
  the rows alone. Elsewhere they are RANGE frames; both give the same rows.

  `events` has `entity_id`, `at_us` and the measures, `points` has `entity_id`, `at_us` and `is_snapshot`, each point
  once. The result has a row a point, and `<measure>_<span>` for each. `delay_us` as in `past_windows`.
-#}
{% macro sums_of_past(events, points, measures, spans, delay_us=0) -%}
  {%- if var('portable', false) -%}
    {{ return(default__sums_of_past(events, points, measures, spans, delay_us)) }}
  {%- endif -%}
  {{ return(adapter.dispatch('sums_of_past')(events, points, measures, spans, delay_us)) }}
{%- endmacro %}

{% macro duckdb__sums_of_past(events, points, measures, spans, delay_us) -%}
  with
  running as (
    select
      entity_id,
      at_us
      {%- for measure in measures %},
      cast(sum(sum({{ measure }})) over so_far as bigint) as {{ measure }}
      {%- endfor %}
    from {{ events }}
    group by entity_id, at_us
    window so_far as (
      partition by entity_id order by at_us rows between unbounded preceding and current row
    )
  )

  select
    points.entity_id,
    points.at_us,
    points.is_snapshot
    {%- for span in spans %}
    {%- for measure in measures %},
    coalesce(until.{{ measure }}, 0) - coalesce(before_{{ span }}.{{ measure }}, 0) as {{ measure }}_{{ span }}
    {%- endfor %}
    {%- endfor %}
  from {{ points }} as points
  asof left join running as until
    on points.entity_id = until.entity_id and points.at_us - {{ delay_us }} > until.at_us
  {%- for span in spans %}
  asof left join running as before_{{ span }}
    on points.entity_id = before_{{ span }}.entity_id
    and points.at_us - {{ span_us(span) + delay_us }} > before_{{ span }}.at_us
  {%- endfor %}
{%- endmacro %}

{% macro default__sums_of_past(events, points, measures, spans, delay_us) -%}
  with
  timeline as (
    select entity_id, at_us, is_snapshot, true as is_point {%- for measure in measures %}, 0 as {{ measure }}{% endfor %}
    from {{ points }}
    union all
    select entity_id, at_us, false, false {%- for measure in measures %}, {{ measure }}{% endfor %}
    from {{ events }}
  ),

  summed as (
    select
      entity_id,
      at_us,
      is_snapshot,
      is_point
      {%- for span in spans %}
      {%- for measure in measures %},
      cast(coalesce(sum({{ measure }}) over past_{{ span }}, 0) as bigint) as {{ measure }}_{{ span }}
      {%- endfor %}
      {%- endfor %}
    from timeline
    window {{ past_windows(spans, delay_us) }}
  )

  select
    entity_id,
    at_us,
    is_snapshot
    {%- for span in spans %}
    {%- for measure in measures %},
    {{ measure }}_{{ span }}
    {%- endfor %}
    {%- endfor %}
  from summed
  where is_point
{%- endmacro %}


{#- The points with the state of their entity just before them: `columns` of the newest row of `states`. -#}
{% macro state_before(points, states, columns) -%}
  {%- if var('portable', false) -%}
    {{ return(default__state_before(points, states, columns)) }}
  {%- endif -%}
  {{ return(adapter.dispatch('state_before')(points, states, columns)) }}
{%- endmacro %}

{% macro duckdb__state_before(points, states, columns) -%}
  select
    points.*
    {%- for column in columns %},
    states.{{ column }}
    {%- endfor %}
  from {{ points }} as points
  asof left join {{ states }} as states
    on points.entity_id = states.entity_id and points.at_us > states.at_us
{%- endmacro %}

{% macro default__state_before(points, states, columns) -%}
  with
  timeline as (
    select entity_id, at_us, is_snapshot, true as is_point, cast(null as bigint) as changed_us from {{ points }}
    union all
    select entity_id, at_us, false, false, at_us from {{ states }}
  ),

  dated as (
    select entity_id, at_us, is_snapshot, is_point, max(changed_us) over all_past as newest_us
    from timeline
    window {{ past_windows([]) }}
  )

  select
    points.*
    {%- for column in columns %},
    states.{{ column }}
    {%- endfor %}
  from {{ points }} as points
  inner join dated
    on points.entity_id = dated.entity_id
    and points.at_us = dated.at_us
    and points.is_snapshot = dated.is_snapshot
    and dated.is_point
  left join {{ states }} as states
    on dated.entity_id = states.entity_id and dated.newest_us = states.at_us
{%- endmacro %}


{#- The points of a window model: each instant of a changed day at which an entity is decided, and its current state. -#}
{% macro points_of(decisions, entities, work) -%}
  select distinct entity_id, at_us, false as is_snapshot
  from {{ decisions }}
  where at_us >= {{ work.points_from }}
  union all
  select entity_id, {{ work.as_of }} as at_us, true as is_snapshot
  from {{ entities }}
{%- endmacro %}

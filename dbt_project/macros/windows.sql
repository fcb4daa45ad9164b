{#-
  Windowed features, declared on the columns of a feature view's mart and rendered here.

  An event happened at `effective_us` and was known at `observed_us`. Its place on the axis is `a`, its effective time
  plus the declared delay; it enters at `t`, when it is known and has come of age: greatest(observed_us, a). At a point T
  a window of width w with hop h holds the events with t < T and a >= floor_h(T) - w: the head is exact to the event,
  the tail moves by whole hops. Both comparisons are strict in time, so a point sees neither itself nor its ties, and its
  value is a function of the entity and the instant alone.

  How it is computed. The timeline has the events and the points of every entity. `on_time` counts the events that
  entered in the hop they belong to, which are nearly all; for those the two conditions are one range of `t`. What entered
  in a later hop is added: of an entity with few points by looking at each pair of event and point (`paired`); of others by
  hops, for such an event counts alike for all points of each hop that follows (`lasting`), and from its entry on for the
  points of the hop it entered in (`entering`). So no entity costs more than in proportion to its rows.

  Lines of SQL are made from a plan (see `window_plan`): `primitives` are what is counted, features are made from them.
-#}


{#-
  All rows of a windowed view, filed by day. `view` is the mart whose columns declare the features, `decisions` the stream
  whose arrivals are the points, `streams` all that the features may read.
-#}
{% macro windowed(view, decisions, streams) -%}
  {%- set relations = {} -%}
  {%- for stream in streams -%}
    {%- do relations.update({stream: ref(view.split('__')[0] ~ '__stream_' ~ stream)}) -%}
  {%- endfor -%}
  {%- if not execute -%}{{ return('select 1 as parsed') }}{%- endif -%}
  {%- set plan = window_plan(view, decisions, relations) -%}
  with

  points_apart as {{ '' if has_own_points(plan) else inlined() }} (
    select {{ plan.join_key }} as entity_id, observed_us as t
    from {{ plan.relations[plan.decisions] }}
    where {{ plan.join_key }} is not null
      and observed_us >= {{ plan.points_from }}
      {{- ' and observed_us < effective_us' if has_own_points(plan) }}
  ),

  {%- if var('snapshots') %}

  entities as (
    select {{ plan.join_key }} as entity_id
    from {{ plan.relations[plan.decisions] }}
    where {{ plan.join_key }} is not null
    group by {{ plan.join_key }}
    having max(case when observed_us = {{ as_of_us() }} then 1 else 0 end) = 0
  ),
  {%- endif %}

  base as {{ inlined() }} (
    {{ window_base(plan) }}
  ),

  {%- if plan.distincts %}
  {{ window_distincts(plan) }}

  timeline as (
    {{ window_distinct_timeline(plan) }}
  ),
  {%- else %}

  timeline as {{ inlined() }} (
    select * from base
  ),
  {%- endif %}

  {{ windows_on_time(plan) }},

  {{ windows_late(plan) }},

  known as (
    select
      on_time.entity_id,
      on_time.t as at_us,
      on_time.source = -1 as is_snapshot
      {%- for item in plan.distincts %},
      on_time.{{ item.name }}
      {%- endfor %}
      {%- for item in plan.primitives %},
      {{ merged(item.kind, ['on_time.' ~ item.name, 'paired.' ~ item.name, 'lasting_' ~ item.hop ~ '.' ~ item.name, 'entering_' ~ item.hop ~ '.' ~ item.name]) }} as {{ item.name }}
      {%- endfor %}
    from on_time
    left join paired on on_time.entity_id = paired.entity_id and on_time.t = paired.point_t
    {%- for hop in plan.hops %}
    left join lasting_{{ hop.us }}
      on on_time.entity_id = lasting_{{ hop.us }}.entity_id
      and {{ quotient('on_time.t', hop.us) }} = lasting_{{ hop.us }}.hop
    left join entering_{{ hop.us }}
      on on_time.entity_id = entering_{{ hop.us }}.entity_id and on_time.t = entering_{{ hop.us }}.t
    {%- endfor %}
  ),

  valued as (
    select
      entity_id,
      at_us,
      is_snapshot
      {%- for feature in plan.features if feature.aggregate != 'ratio' %},
      {{ feature_value(feature) }} as {{ feature.name }}
      {%- endfor %}
    from known
  )

  select
    case when is_snapshot then cast('9999-12-31' as date) else cast({{ from_epoch_us('at_us') }} as date) end as filed_on,
    entity_id,
    at_us
    {%- for feature in plan.features %},
    {{ ratio_value(feature) if feature.aggregate == 'ratio' else feature.name }}
    {%- if feature.aggregate == 'ratio' %} as {{ feature.name }}{% endif %}
    {%- endfor %}
  from valued
{%- endmacro %}


{#-
  Events and points of every entity: `source` numbers the plan's groups of events from 1, a point that is no event has 0,
  and the state at the build's `as_of` -1. An event of the stream that is decided is its own point, unless it is dated
  after its arrival, for then it enters later than that.
-#}
{% macro window_base(plan) -%}
  {%- for group in plan.groups %}
    {%- set is_decision = group.stream == plan.decisions and group.delay_us == 0 %}
    select
      {{ plan.join_key }} as entity_id,
      greatest(observed_us, effective_us + {{ group.delay_us }}) as t,
      effective_us + {{ group.delay_us }} as a,
      {{ group.number }} as source,
      {{ 'observed_us >= effective_us and observed_us >= ' ~ plan.points_from if is_decision else 'false' }} as is_point
      {%- for slot in range(plan.slots) %},
      {{ group.slots[slot] if slot < group.slots | length else 'cast(null as bigint)' }} as v{{ slot }}
      {%- endfor %}
    from {{ plan.relations[group.stream] }}
    where {{ plan.join_key }} is not null
      and (effective_us >= {{ plan.context_from - group.delay_us }}
        {%- if is_decision %} or observed_us >= {{ plan.points_from }}{% endif %})
    union all
  {%- endfor %}
    select entity_id, t, null, 0, true {%- for slot in range(plan.slots) %}, null{% endfor %}
    from points_apart
    {%- if var('snapshots') %}
    union all
    select entity_id, {{ as_of_us() }}, null, -1, true {%- for slot in range(plan.slots) %}, null{% endfor %}
    from entities
    {%- endif %}
{%- endmacro %}


{#- Whether the events that are decided are in the timeline where they enter, which then is their point as well. -#}
{% macro has_own_points(plan) -%}
  {%- for group in plan.groups if group.stream == plan.decisions and group.delay_us == 0 -%}{{ return(true) }}{%- endfor -%}
  {{ return(false) }}
{%- endmacro %}


{#- A feature view's mart from its windows: join key, the two timestamps Feast needs, and the features its YAML names. -#}
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
{%- endmacro %}

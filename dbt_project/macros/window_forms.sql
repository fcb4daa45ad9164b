{#- Events that entered in the hop they belong to: by frames where bounds may be expressions, by tiles anywhere. -#}


{#- The points, each once, with every primitive over the events that were on time. -#}
{% macro windows_on_time(plan) -%}
  {%- if var('portable', false) -%}{{ return(default__windows_on_time(plan)) }}{%- endif -%}
  {{ return(adapter.dispatch('windows_on_time')(plan)) }}
{%- endmacro %}

{#-
  First the edge of each window: how many rows it has before the point, its ties left out. Then the primitives, over so
  many rows. A RANGE frame searches the rows of the entity for its edge, which is slow where there are very many: there
  the edge is the first row of the window's first hop.
-#}
{% macro duckdb__windows_on_time(plan) -%}
  {%- set spans = plan.primitives | map(attribute='span') | unique | list %}
  busy_entities as (
    select entity_id from timeline group by entity_id having count(*) > {{ var('busy_rows') }}
  ),

  busy as (
    select
      timeline.*,
      row_number() over in_order as place,
      row_number() over in_order - rank() over in_order as ties
    from timeline semi join busy_entities on timeline.entity_id = busy_entities.entity_id
    window in_order as (partition by entity_id order by t)
  ),

  {%- for hop in plan.hops %}

  starts_{{ hop.us }} as (
    select
      entity_id,
      hop
      {%- for span in hop.primitives | map(attribute='span') | unique %},
      min(place) over (
        partition by entity_id order by hop range between {{ plan.spans[span].hops }} preceding and current row
      ) as first_{{ span }}
      {%- endfor %}
    from (
      select entity_id, {{ quotient('t', hop.us) }} as hop, min(place) as place from busy group by all
    ) as first_places
  ),
  {%- endfor %}

  edges as {{ inlined() }} (
    select
      timeline.*,
      row_number() over in_order as place,
      row_number() over in_order - rank() over in_order as ties
      {%- for span in spans %},
      count(*) over past_{{ span }} as rows_{{ span }}
      {%- endfor %}
    from timeline anti join busy_entities on timeline.entity_id = busy_entities.entity_id
    window
      {%- for span in spans %}
      past_{{ span }} as (
        partition by entity_id order by t
        range between {{ plan.spans[span].width_us }} + t % {{ plan.spans[span].hop_us }} preceding and 1 preceding
      ),
      {%- endfor %}
      in_order as (partition by entity_id order by t)
    union all
    select
      busy.*
      {%- for span in spans %},
      busy.place - busy.ties - starts_{{ plan.spans[span].hop_us }}.first_{{ span }}
      {%- endfor %}
    from busy
    {%- for hop in plan.hops %}
    left join starts_{{ hop.us }} {#- as an inner join it might first be paired with those of other hops #}
      on busy.entity_id = starts_{{ hop.us }}.entity_id
      and {{ quotient('busy.t', hop.us) }} = starts_{{ hop.us }}.hop
    {%- endfor %}
  ),

  framed as {{ inlined() }} (
    select
      entity_id,
      t,
      source,
      is_point,
      max(case when is_point then t end) over rows_before as point_before
      {%- for item in plan.distincts %},
      {{ item.name }}
      {%- endfor %}
      {%- for item in plan.primitives %},
      {{ primitive(item, is_on_time(item)) }} over past_{{ item.span }} as {{ item.name }}
      {%- endfor %}
    from edges
    window
      {%- for span in spans %}
      past_{{ span }} as (
        partition by entity_id order by place rows between ties + rows_{{ span }} preceding and ties + 1 preceding
      ),
      {%- endfor %}
      rows_before as (partition by entity_id order by place rows between unbounded preceding and 1 preceding)
  ),

  on_time as {{ inlined() }} (
    select
      entity_id,
      t,
      source
      {{- window_columns(plan) }}
    from framed
    where is_point and coalesce(point_before, t - 1) <> t
  )
{%- endmacro %}

{% macro default__windows_on_time(plan) -%}
  {{ window_tiles(plan) }},

  on_time as (
    select * from tiled
  )
{%- endmacro %}


{#-
  `tiled`: a tile is what entered in one hop of an entity. A window is the whole tiles before the point's own, and the
  head of that one up to the point. Bounds are constants, so any engine can do it.
-#}
{% macro window_tiles(plan) -%}
  {%- for hop in plan.hops %}
  {%- set tiles = [] -%}
  {%- for item in hop.primitives if item.tile not in tiles | map(attribute='tile') | list -%}
    {%- do tiles.append(item) -%}
  {%- endfor %}
  {%- do hop.update({'tiles': tiles}) %}
  tiles_{{ hop.us }} as (
    select
      entity_id,
      {{ quotient('t', hop.us) }} as hop
      {%- for item in tiles %},
      {{ primitive(item, is_on_time(item)) }} as {{ item.tile }}
      {%- endfor %}
    from timeline
    group by entity_id, {{ quotient('t', hop.us) }}
  ),

  passed_{{ hop.us }} as (
    select
      entity_id,
      hop
      {%- for item in hop.primitives %},
      {{ rolled_up(item.kind, item.tile) }} over (
        partition by entity_id order by hop range between {{ item.hops }} preceding and 1 preceding
      ) as {{ item.name }}
      {%- endfor %}
    from tiles_{{ hop.us }}
  ),
  {%- endfor %}

  heads as (
    select
      entity_id,
      t,
      source,
      is_point,
      max(case when is_point then t end) over (
        partition by entity_id, {{ quotient('t', plan.hops[0].us) }} order by t
        rows between unbounded preceding and 1 preceding
      ) as point_before
      {%- for item in plan.distincts %},
      {{ item.name }}
      {%- endfor %}
      {%- for hop in plan.hops %}
      {%- for item in hop.tiles %},
      {{ primitive(item, is_on_time(item)) }} over head_{{ hop.us }} as {{ item.tile }}_{{ hop.us }}
      {%- endfor %}
      {%- endfor %}
    from timeline
    window
      {%- for hop in plan.hops %}
      {{ head_window(hop.us) }}{{ ',' if not loop.last }}
      {%- endfor %}
  ),

  tiled as (
    select
      heads.entity_id,
      heads.t,
      heads.source
      {%- for item in plan.distincts %},
      heads.{{ item.name }}
      {%- endfor %}
      {%- for item in plan.primitives %},
      {{ merged(item.kind, ['heads.' ~ item.tile ~ '_' ~ item.hop, 'passed_' ~ item.hop ~ '.' ~ item.name]) }} as {{ item.name }}
      {%- endfor %}
    from heads
    {%- for hop in plan.hops %}
    left join passed_{{ hop.us }}
      on heads.entity_id = passed_{{ hop.us }}.entity_id
      and {{ quotient('heads.t', hop.us) }} = passed_{{ hop.us }}.hop
    {%- endfor %}
    where heads.is_point and coalesce(heads.point_before, heads.t - 1) <> heads.t
  )
{%- endmacro %}


{#- `late`, and for each hop what events that entered after their own hop add to points: `lasting_…`, `entering_…`. -#}
{% macro windows_late(plan) -%}
  {%- set shortest = plan.hops[0].us %}
  late as (
    select entity_id, t, a, source {%- for slot in range(plan.slots) %}, v{{ slot }}{% endfor %}
    from timeline
    where source > 0 and {{ quotient('t', shortest) }} <> {{ quotient('a', shortest) }}
  ),

  points_of_late as (
    select timeline.entity_id, timeline.t
    from timeline
    {{ semi_join() }} late on timeline.entity_id = late.entity_id
    where timeline.is_point
  ),

  sparse_entities as (
    select entity_id from points_of_late group by entity_id having count(*) <= {{ var('sparse_points') }}
  ),

  {{ window_pairs(plan) }},

  late_elsewhere as (
    select * from late where entity_id not in (select entity_id from sparse_entities)
  )
  {%- for hop in plan.hops %}
  {%- set entered = quotient('t', hop.us) %}
  {%- set last_hop = quotient('a', hop.us) ~ ' + ' ~ hop.most %},

  lasting_{{ hop.us }} as (
    select
      entity_id,
      hop
      {%- for item in hop.primitives %},
      {{ primitive(item, ['source = ' ~ item.source, 'hop <= ' ~ quotient('a', hop.us) ~ ' + ' ~ item.hops]) }} as {{ item.name }}
      {%- endfor %}
    from (
      select *, {{ each_of(entered ~ ' + 1', last_hop) }} as hop
      from late_elsewhere
      where {{ entered }} <> {{ quotient('a', hop.us) }} and {{ entered }} < {{ last_hop }}
    ) as hops_after
    {{ semi_join() }} (
      select entity_id as entity, {{ entered }} as point_hop from points_of_late
    ) as points
      on hops_after.entity_id = points.entity and hops_after.hop = points.point_hop
    group by entity_id, hop
  ),

  entering_{{ hop.us }} as (
    select *
    from (
      select
        entity_id,
        t,
        source
        {%- for item in hop.primitives %},
        {{ primitive(item, ['source = ' ~ item.source, entered ~ ' <= ' ~ quotient('a', hop.us) ~ ' + ' ~ item.hops]) }} over head_{{ hop.us }} as {{ item.name }}
        {%- endfor %}
      from (
        select entity_id, t, a, source {%- for slot in range(plan.slots) %}, v{{ slot }}{% endfor %}
        from late_elsewhere
        where {{ entered }} <> {{ quotient('a', hop.us) }}
        union all
        select distinct
          points.entity_id, points.t, cast(null as bigint), 0
          {%- for slot in range(plan.slots) %}, cast(null as bigint){% endfor %}
        from points_of_late as points
        {{ semi_join() }} (
          select entity_id, {{ entered }} as hop from late_elsewhere where {{ entered }} <> {{ quotient('a', hop.us) }}
        ) as entries
          on points.entity_id = entries.entity_id and {{ quotient('points.t', hop.us) }} = entries.hop
      ) as hops_of_entry
      window {{ head_window(hop.us) }}
    ) as entered
    where source = 0
  )
  {%- endfor %}
{%- endmacro %}


{#- `paired`: what late events add to the points of an entity that has few, by looking at each pair of them. -#}
{% macro window_pairs(plan) -%}
  {%- set longest = namespace(us=0) -%}
  {%- for span in plan.spans.values() -%}
    {%- set longest.us = [longest.us, span.width_us + span.hop_us] | max -%}
  {%- endfor %}
  paired as (
    select
      entity_id,
      point_t
      {%- for item in plan.primitives %},
      {{ primitive(item, [
        'source = ' ~ item.source,
        quotient('t', item.hop) ~ ' <> ' ~ quotient('a', item.hop),
        quotient('point_t', item.hop) ~ ' <= ' ~ quotient('a', item.hop) ~ ' + ' ~ item.hops,
      ]) }} as {{ item.name }}
      {%- endfor %}
    from (
      select
        late.entity_id, points.t as point_t, late.t, late.a, late.source
        {%- for slot in range(plan.slots) %}, late.v{{ slot }}{% endfor %}
      from late
      inner join (
        select distinct points_of_late.entity_id, points_of_late.t
        from points_of_late
        {{ semi_join() }} sparse_entities on points_of_late.entity_id = sparse_entities.entity_id
      ) as points
        on late.entity_id = points.entity_id
        and late.t < points.t
        and points.t < late.a + {{ longest.us }}
    ) as pairs
    group by entity_id, point_t
    having count(*) > 0 {#- always so, but from it the planner takes the pairs for fewer than the points they are joined to #}
  )
{%- endmacro %}


{% macro head_window(hop_us) -%}
  head_{{ hop_us }} as (
    partition by entity_id, {{ quotient('t', hop_us) }} order by t range between unbounded preceding and 1 preceding
  )
{%- endmacro %}


{#- Conditions under which an event counts as one that was on time for a primitive's hop. -#}
{% macro is_on_time(item) -%}
  {{ return(['source = ' ~ item.source, quotient('t', item.hop) ~ ' = ' ~ quotient('a', item.hop)]) }}
{%- endmacro %}


{#- The names of all columns that a point carries. -#}
{% macro window_columns(plan) -%}
  {%- for item in plan.distincts + plan.primitives %},
      {{ item.name }}
  {%- endfor %}
{%- endmacro %}

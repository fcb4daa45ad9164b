{#-
  How many distinct values a window holds, exactly and whatever entered late.

  An event counts from just after it entered until the tail has passed it, so each value is present in the window during
  the union of its events' spans of time. A step up where such a union begins and one down where it ends, and the number
  at a point is the sum of the steps until then.
-#}


{#- `presence_…`: the spans of time of each event, in order; `steps`: where the number of values changes. -#}
{% macro window_distincts(plan) -%}
  {%- for item in plan.distincts %}
  {%- set what = item.what %}
  presence_{{ loop.index }} as (
    select
      entity_id,
      begins,
      ends,
      max(ends) over (
        partition by entity_id, value order by begins, ends rows between unbounded preceding and 1 preceding
      ) as covered_until,
      lead(begins) over (partition by entity_id, value order by begins, ends) as next_begins
    from (
      select
        {{ plan.join_key }} as entity_id,
        {{ what.field }} as value,
        greatest(observed_us, effective_us + {{ what.delay_us }}) + 1 as begins,
        ({{ quotient('(effective_us + ' ~ what.delay_us ~ ')', what.hop_us) }} + 1) * {{ what.hop_us }} + {{ what.width_us }} as ends
      from {{ plan.relations[what.stream] }}
      where {{ plan.join_key }} is not null
        and {{ what.field }} is not null
        and effective_us >= {{ plan.context_from - what.delay_us }}
    ) as spans_of_time
    where begins < ends
  ),
  {%- endfor %}

  steps as (
    {%- for item in plan.distincts %}
    {%- set presence = 'presence_' ~ loop.index %}
    {%- set number = loop.index0 %}
    select
      entity_id, begins as t {%- for other in plan.distincts %}, {{ 1 if loop.index0 == number else 0 }} as {{ other.name }}{% endfor %}
    from {{ presence }}
    where covered_until is null or begins > covered_until
    union all
    select
      entity_id, greatest(ends, covered_until) {%- for other in plan.distincts %}, {{ -1 if loop.index0 == number else 0 }}{% endfor %}
    from {{ presence }}
    where next_begins is null or next_begins > greatest(ends, covered_until)
    {{ 'union all' if not loop.last }}
    {%- endfor %}
  ),
{%- endmacro %}


{#- The timeline with the number of distinct values at each of its rows. -#}
{% macro window_distinct_timeline(plan) -%}
  {%- set columns = ['t', 'a', 'source', 'is_point'] -%}
  {%- for slot in range(plan.slots) -%}{%- do columns.append('v' ~ slot) -%}{%- endfor %}
    select entity_id, {{ columns | join(', ') }}, {{ plan.distincts | map(attribute='name') | join(', ') }}
    from (
      select
        entity_id,
        {{ columns | join(', ') }},
        is_step
        {%- for item in plan.distincts %},
        coalesce(sum({{ item.name }}) over so_far, 0) as {{ item.name }}
        {%- endfor %}
      from (
        select entity_id, {{ columns | join(', ') }}, 0 as is_step {%- for item in plan.distincts %}, null as {{ item.name }}{% endfor %}
        from base
        union all
        select
          entity_id, t, null, null, null {%- for slot in range(plan.slots) %}, null{% endfor %}, 1
          {%- for item in plan.distincts %}, {{ item.name }}{% endfor %}
        from steps
      ) as base_and_steps
      window so_far as (
        partition by entity_id order by t, is_step desc rows between unbounded preceding and current row
      )
    ) as counted
    where is_step = 0
{%- endmacro %}

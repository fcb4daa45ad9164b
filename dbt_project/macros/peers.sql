{#-
  People beside their peers, day by day: sums over trailing days of one's own, of the rest of the group and of everybody.

  `relation` has one row or more for each key, `peer_group` and `day_us` (the first microsecond of the day on which
  everything in the row was observed); `sums` are its columns to add up, none of them negative. The result has a row for
  each key and day with `peer_group`, and for each sum `<sum>_1d`, and for each span of days `<sum>_7d`,
  `<sum>_others_7d` (of the group, without oneself) and `<sum>_all_7d`. Who worked in several groups on a day is compared
  with the one in which `weight` is largest, and there only by what he or she did in it.
-#}
{% macro beside_peers(relation, key, sums, weight, spans=[7, 28]) -%}
{%- set day = 86400000000 -%}
with

own as (
    select
        {{ key }},
        peer_group,
        day_us,
        {%- for sum in sums %}
        sum({{ sum }}) over (partition by {{ key }}, day_us) as {{ sum }}_1d,
        {%- for span in spans %}
        sum({{ sum }}) over ({{ trailing_days(key, span) }}) as {{ sum }}_{{ span }}d,
        sum({{ sum }}) over ({{ trailing_days(key ~ ', peer_group', span) }}) as {{ sum }}_within_{{ span }}d,
        {%- endfor %}
        {%- endfor %}
        row_number() over (
            partition by {{ key }}, day_us order by {{ weight }} desc, coalesce(peer_group, '~')
        ) as nth
    from {{ relation }}
),

group_days as (
    select
        peer_group,
        day_us,
        {%- for sum in sums %}
        sum({{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ relation }}
    group by peer_group, day_us
),

all_days as (
    select
        'all' as everybody,
        day_us,
        {%- for sum in sums %}
        sum({{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {%- endfor %}
    from group_days
    group by day_us
),

of_groups as (
    select
        peer_group,
        day_us,
        {%- for sum in sums %}{% set outer = loop %}{% for span in spans %}
        sum({{ sum }}) over ({{ trailing_days('peer_group', span) }}) as {{ sum }}_{{ span }}d{{ ',' if not (loop.last and outer.last) }}
        {%- endfor %}{% endfor %}
    from group_days
),

of_all as (
    select
        day_us,
        {%- for sum in sums %}{% set outer = loop %}{% for span in spans %}
        sum({{ sum }}) over ({{ trailing_days('everybody', span) }}) as {{ sum }}_{{ span }}d{{ ',' if not (loop.last and outer.last) }}
        {%- endfor %}{% endfor %}
    from all_days
)

select
    own.{{ key }},
    own.peer_group,
    own.day_us,
    {%- for sum in sums %}{% set outer = loop %}
    own.{{ sum }}_1d,
    {%- for span in spans %}
    own.{{ sum }}_{{ span }}d,
    of_groups.{{ sum }}_{{ span }}d - own.{{ sum }}_within_{{ span }}d as {{ sum }}_others_{{ span }}d,
    of_all.{{ sum }}_{{ span }}d as {{ sum }}_all_{{ span }}d{{ ',' if not (loop.last and outer.last) }}
    {%- endfor %}{% endfor %}
from own
inner join of_all
    on own.day_us = of_all.day_us
left join of_groups
    on own.peer_group = of_groups.peer_group and own.day_us = of_groups.day_us
where own.nth = 1
{%- endmacro %}


{#- A window over so many days up to and with the row's own. -#}
{% macro trailing_days(key, days) -%}
partition by {{ key }} order by day_us range between {{ (days - 1) * 86400000000 }} preceding and current row
{%- endmacro %}


{#- The first microsecond of the day (UTC) of an instant in microseconds. -#}
{% macro day_of(us) -%}
{{ us }} - {{ us }} % 86400000000
{%- endmacro %}


{#- `part` for each of `whole` over so many days; empty where there is no whole. -#}
{% macro rate(part, whole, span) -%}
cast({{ part }}_{{ span }}d as double) / nullif({{ whole }}_{{ span }}d, 0)
{%- endmacro %}


{#-
  How many more of `part` there are than peers would have of as much `whole`, in standard errors of a count (Poisson). The
  peers' rate is drawn towards everybody's as if `prior` more of the whole had been seen, so that few peers say little; one
  is added to the variance, so that a single event where none was expected does not stand out. Empty without a group.
-#}
{% macro excess(part, whole, span, prior) -%}
{%- set expected -%}
{{ whole }}_{{ span }}d * (
            {{ part }}_others_{{ span }}d
            + {{ prior }} * cast({{ part }}_all_{{ span }}d as double) / nullif({{ whole }}_all_{{ span }}d, 0)
        ) / ({{ whole }}_others_{{ span }}d + {{ prior }})
{%- endset -%}
({{ part }}_{{ span }}d - {{ expected }}) / sqrt({{ expected }} + 1)
{%- endmacro %}


{#-
  Several relations added up over the same keys: `parts` is each relation's name with the columns it brings. A column that a
  relation does not bring counts nothing there.
-#}
{% macro added_up(parts, keys) -%}
{%- set sums = parts.values() | sum(start=[]) -%}
select
    {%- for key in keys %}
    {{ key }},
    {%- endfor %}
    {%- for sum in sums %}
    cast(coalesce(sum({{ sum }}), 0) as bigint) as {{ sum }}{{ ',' if not loop.last }}
    {%- endfor %}
from (
    {%- for part, brought in parts.items() %}
    select
        {%- for key in keys %}
        {{ key }},
        {%- endfor %}
        {%- for sum in sums %}
        {{ 'cast(' ~ sum ~ ' as bigint)' if sum in brought else 'cast(0 as bigint)' }} as {{ sum }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ part }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
) as parts
group by {{ keys | join(', ') }}
{%- endmacro %}

{#- What is counted over events, how parts of a window are put together, and the features made from it. -#}


{#-
  A primitive over the events for which all conditions hold. `events` counts them, `filled` those with a value; `latest` is
  the value with its place in order before it; `newest` and `oldest` are places on the axis.
-#}
{% macro primitive(item, conditions) -%}
  {%- set is_counted = conditions | join(' and ') -%}
  {%- if item.slot and item.kind in ['latest', 'newest', 'oldest'] -%}
    {%- set is_counted = is_counted ~ ' and ' ~ item.slot ~ ' is not null' -%}
  {%- endif -%}
  {%- set function, value = {
    'events': ('count', '1'),
    'filled': ('count', item.slot),
    'total': ('sum', item.slot),
    'squares': ('sum', wide(item.slot) ~ ' * ' ~ item.slot),
    'lowest': ('min', item.slot),
    'highest': ('max', item.slot),
    'latest': ('max', placed('a', 't', item.slot)),
    'newest': ('max', 'a'),
    'oldest': ('min', 'a'),
  }[item.kind] -%}
  {{ return(function ~ '(case when ' ~ is_counted ~ ' then ' ~ value ~ ' end)') }}
{%- endmacro %}


{#- A primitive over several tiles, from the column that has it for each. -#}
{% macro rolled_up(kind, column) -%}
  {%- set function = {'lowest': 'min', 'oldest': 'min', 'highest': 'max', 'newest': 'max', 'latest': 'max'}.get(kind, 'sum') -%}
  {{ return(function ~ '(' ~ column ~ ')') }}
{%- endmacro %}


{#- One primitive from those of parts that have no event in common; a part without events may be null. -#}
{% macro merged(kind, parts) -%}
  {%- if kind in ['lowest', 'oldest'] -%}{{ return('least(' ~ parts | join(', ') ~ ')') }}{%- endif -%}
  {%- if kind in ['highest', 'newest', 'latest'] -%}{{ return('greatest(' ~ parts | join(', ') ~ ')') }}{%- endif -%}
  {{ return('coalesce(' ~ parts | join(', 0) + coalesce(') ~ ', 0)') }}
{%- endmacro %}


{#- A feature as it is published, from a row's primitives. Whole numbers become fractions last, so no order matters. -#}
{% macro feature_value(feature) -%}
  {%- set parts = feature.parts -%}
  {%- set exactly = {} -%}
  {%- for kind in ['events', 'filled', 'total'] if kind in parts -%}
    {%- do exactly.update({kind: 'cast(' ~ parts[kind] ~ ' as bigint)'}) -%}
  {%- endfor -%}
  {%- set by_scale = ' / ' ~ 10 ** feature.scale if feature.scale is number and feature.scale else '' -%}
  {%- if feature.aggregate == 'count' -%}
    {{ return(exactly.events or exactly.filled) }}
  {%- elif feature.aggregate == 'distinct' -%}
    {{ return('cast(least(' ~ parts.distinct ~ ', ' ~ feature.cap ~ ') as bigint)') }}
  {%- elif feature.aggregate in ['mean', 'rate'] -%}
    {{ return('cast(' ~ exactly.total ~ ' as double) / nullif(' ~ exactly.filled ~ ', 0)' ~ by_scale) }}
  {%- elif feature.aggregate == 'std' -%}
    {%- set spread = wide(parts.filled) ~ ' * ' ~ parts.squares ~ ' - ' ~ wide(parts.total) ~ ' * ' ~ wide(parts.total) -%}
    {{ return('sqrt(cast(' ~ spread ~ ' as double)) / nullif(' ~ exactly.filled ~ ', 0)' ~ by_scale) }}
  {%- elif feature.aggregate == 'time_since_last' -%}
    {{ return('cast(at_us - ' ~ parts.newest ~ ' + ' ~ feature.delay_us ~ ' as double) / 1000000') }}
  {%- elif feature.aggregate == 'time_since_first' -%}
    {{ return('cast(at_us - ' ~ parts.oldest ~ ' + ' ~ feature.delay_us ~ ' as double) / 1000000') }}
  {%- endif -%}
  {%- set value = {
    'sum': exactly.total, 'min': parts.lowest, 'max': parts.highest, 'last': '(' ~ parts.latest ~ ').value'
  }[feature.aggregate] -%}
  {{ return('cast(' ~ value ~ ' as double)' ~ by_scale if by_scale else value) }}
{%- endmacro %}


{#- One published feature over another; smoothed, `weight` more of the lower part at the `prior` rate are added. -#}
{% macro ratio_value(feature) -%}
  {%- set above, below = feature.of -%}
  {%- if not feature.smoothing -%}
    {{ return('cast(' ~ above ~ ' as double) / nullif(cast(' ~ below ~ ' as double), 0)') }}
  {%- endif -%}
  {%- set weight = "cast('" ~ feature.smoothing.weight ~ "' as double)" -%}
  {%- set prior = "cast('" ~ feature.smoothing.prior ~ "' as double)" -%}
  {{ return(
    '(coalesce(cast(' ~ above ~ ' as double), 0) + ' ~ weight ~ ' * ' ~ prior ~ ')'
    ~ ' / (coalesce(cast(' ~ below ~ ' as double), 0) + ' ~ weight ~ ')'
  ) }}
{%- endmacro %}

{#- What is to be rendered for a windowed view, read from the YAML of its mart and of the streams it reads. -#}


{#-
  The plan of a view: its points and the range of time that is built, `groups` of events (a stream with a delay), `hops`
  with their spans, `primitives` (one count, sum, … of a group in a span), `distincts`, and `features` made from them.
-#}
{% macro window_plan(view, decisions, relations) -%}
  {%- set declared = declared_windows(view) -%}
  {%- set plan = {
    'view': view, 'file': declared.file, 'join_key': declared.join_key, 'decisions': decisions, 'relations': relations,
    'spans': {}, 'hops': [], 'groups': [], 'slots': 0, 'primitives': [], 'distincts': [], 'features': []
  } -%}
  {%- do plan_spans(plan, declared.spans) -%}
  {%- for name, window in declared.windows.items() -%}
    {%- do plan_feature(plan, declared.streams, name, window) -%}
  {%- endfor -%}
  {%- if not plan.primitives -%}
    {#- the points are found beside what is counted, so something must be -#}
    {%- set first = plan.distincts[0] -%}
    {%- do plan_primitive(plan, declared.streams, 'events', {'stream': first.stream}, first.span, first.what.delay_us) -%}
  {%- endif -%}
  {%- do plan_hops(plan) -%}
  {%- do plan_range(plan, declared.streams) -%}
  {{ return(plan) }}
{%- endmacro %}


{#- Each span with its width and hop in microseconds, and how many hops it has. -#}
{% macro plan_spans(plan, spans) -%}
  {%- for name, hop in spans.items() -%}
    {%- set width_us, hop_us = span_us(name), span_us(hop) -%}
    {%- if width_us % hop_us -%}
      {{ refuse(plan, 'config.meta.feature_view.spans.' ~ name, 'a hop that divides the span', hop) }}
    {%- endif -%}
    {%- do plan.spans.update({name: {'name': name, 'width_us': width_us, 'hop_us': hop_us, 'hops': width_us // hop_us}}) -%}
  {%- endfor -%}
{%- endmacro %}


{#- The hops in use, the shortest first: each divides the next, so what is late for one is late for all shorter ones. -#}
{% macro plan_hops(plan) -%}
  {%- for us in plan.primitives | map(attribute='hop') | unique | sort -%}
    {%- set own = plan.primitives | selectattr('hop', 'equalto', us) | list -%}
    {%- do plan.hops.append({'us': us, 'primitives': own, 'most': own | map(attribute='hops') | max}) -%}
    {%- if loop.previtem and us % loop.previtem -%}
      {{ refuse(plan, 'config.meta.feature_view.spans', 'hops that divide one another', us ~ ' and ' ~ loop.previtem ~ ' µs') }}
    {%- endif -%}
  {%- endfor -%}
{%- endmacro %}


{#- A build starts at the first day on which a stream has changed, or at the first of all where the declaration has. -#}
{% macro plan_range(plan, streams) -%}
  {%- set used = {} -%}
  {%- for name in [plan.decisions] + plan.groups | map(attribute='stream') | list + plan.distincts | map(attribute='stream') | list -%}
    {%- do used.update({name: plan.relations[name]}) -%}
  {%- endfor -%}
  {%- set parameters = {plan.view: window_fingerprint(plan.view)} -%}
  {%- set points_from = day_us(restart_day(streams=used, parameters=parameters, domain=plan.view.split('__')[0])) -%}
  {%- set earliest = [points_from, as_of_us()] | min if var('snapshots') else points_from -%}
  {%- set longest = namespace(us=0) -%}
  {%- for span in plan.spans.values() -%}
    {%- set longest.us = [longest.us, span.width_us + span.hop_us] | max -%}
  {%- endfor -%}
  {%- do plan.update({'points_from': points_from, 'earliest': earliest, 'context_from': earliest - longest.us}) -%}
{%- endmacro %}


{#- A feature and the primitives it is made from. -#}
{% macro plan_feature(plan, streams, name, window) -%}
  {%- set key = 'columns.' ~ name ~ '.config.meta.window' -%}
  {%- if window.aggregate == 'ratio' -%}
    {%- for part in window.of if part not in plan.features | map(attribute='name') | list -%}
      {{ refuse(plan, key ~ '.of', 'columns of this view that stand before it', part) }}
    {%- endfor -%}
    {%- do plan.features.append({'name': name, 'aggregate': 'ratio', 'of': window.of, 'smoothing': window.smoothing}) -%}
    {{ return('') }}
  {%- endif -%}
  {%- do check_window(plan, streams, key, window) -%}
  {%- set span = plan.spans[window.span] -%}
  {%- set delay_us = delay_us_of(window) -%}
  {%- set feature = {
    'name': name, 'aggregate': window.aggregate, 'delay_us': delay_us, 'cap': window.cap,
    'scale': streams[window.stream].fields[window.field] if window.field else 0, 'parts': {}
  } -%}
  {%- if window.aggregate == 'distinct' -%}
    {%- do feature.parts.update({'distinct': plan_distinct(plan, window, span, delay_us)}) -%}
  {%- else -%}
    {%- for kind in primitives_of(window.aggregate, window.field) -%}
      {%- do feature.parts.update({kind: plan_primitive(plan, streams, kind, window, span, delay_us)}) -%}
    {%- endfor -%}
  {%- endif -%}
  {%- do plan.features.append(feature) -%}
{%- endmacro %}


{#- What an aggregate is made from. -#}
{% macro primitives_of(aggregate, field) -%}
  {{ return({
    'count': ['filled' if field else 'events'],
    'sum': ['total'],
    'mean': ['total', 'filled'],
    'rate': ['total', 'filled'],
    'std': ['total', 'squares', 'filled'],
    'min': ['lowest'],
    'max': ['highest'],
    'last': ['latest'],
    'time_since_last': ['newest'],
    'time_since_first': ['oldest'],
  }[aggregate]) }}
{%- endmacro %}


{#- The column of a primitive, which several features may share. -#}
{% macro plan_primitive(plan, streams, kind, window, span, delay_us) -%}
  {%- set group = plan_group(plan, window.stream, delay_us) -%}
  {%- set slot = plan_slot(plan, group, streams, window.field) if window.field else none -%}
  {%- set tile = kind ~ '_' ~ group.number ~ ('' if slot is none else '_' ~ slot) -%}
  {%- set name = tile ~ '_' ~ span.name -%}
  {%- if name not in plan.primitives | map(attribute='name') | list -%}
    {%- do plan.primitives.append({
      'name': name, 'tile': tile, 'kind': kind, 'source': group.number, 'slot': 'v' ~ slot if slot is not none else none,
      'span': span.name, 'hop': span.hop_us, 'hops': span.hops
    }) -%}
  {%- endif -%}
  {{ return(name) }}
{%- endmacro %}


{#- The group of events of a stream with a delay; each has a number from 1. -#}
{% macro plan_group(plan, stream, delay_us) -%}
  {%- for group in plan.groups if group.stream == stream and group.delay_us == delay_us -%}
    {{ return(group) }}
  {%- endfor -%}
  {%- do plan.groups.append({'number': plan.groups | length + 1, 'stream': stream, 'delay_us': delay_us, 'slots': []}) -%}
  {{ return(plan.groups[-1]) }}
{%- endmacro %}


{#- The number of the timeline's column that has a group's field; of a key only whether it is there. -#}
{% macro plan_slot(plan, group, streams, field) -%}
  {%- set is_key = streams[group.stream].fields[field] == 'key' -%}
  {%- set expression = 'case when ' ~ field ~ ' is not null then cast(1 as bigint) end' if is_key else field -%}
  {%- if expression not in group.slots -%}{%- do group.slots.append(expression) -%}{%- endif -%}
  {%- do plan.update({'slots': [plan.slots, group.slots | length] | max}) -%}
  {{ return(group.slots.index(expression)) }}
{%- endmacro %}


{#- The column of a number of distinct values. -#}
{% macro plan_distinct(plan, window, span, delay_us) -%}
  {%- set found = {'stream': window.stream, 'field': window.field, 'delay_us': delay_us, 'hop_us': span.hop_us, 'width_us': span.width_us} -%}
  {%- for item in plan.distincts if item.what == found -%}{{ return(item.name) }}{%- endfor -%}
  {%- set name = 'distinct_' ~ (plan.distincts | length + 1) -%}
  {%- do plan.distincts.append({'name': name, 'stream': window.stream, 'span': span, 'what': found}) -%}
  {{ return(name) }}
{%- endmacro %}

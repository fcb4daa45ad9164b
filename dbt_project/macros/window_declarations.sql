{#- What the YAML of marts declares on streams and windows, as dbt's graph has it. -#}


{#-
  What is declared on a view: its YAML file, join key and spans, the window of each column, and its domain's streams by
  name. Everything else is made from this, and a unit test puts its own in its place.
-#}
{% macro declared_windows(view) -%}
  {%- set found = {} -%}
  {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == view -%}
    {%- set meta = node.config.meta.feature_view -%}
    {%- set windows = {} -%}
    {%- for column in node.columns.values() if window_of(column) -%}
      {%- do windows.update({column.name: window_of(column)}) -%}
    {%- endfor -%}
    {%- do found.update({
      'file': (node.patch_path or node.original_file_path).split('://')[-1],
      'join_key': meta.join_key, 'spans': meta.spans or {}, 'windows': windows, 'streams': streams_of(meta.domain)
    }) -%}
  {%- endfor -%}
  {%- if not found -%}
    {{ exceptions.raise_compiler_error("no model " ~ view ~ " that declares windows") }}
  {%- endif -%}
  {{ return(found) }}
{%- endmacro %}


{#- The window a column declares, or none. -#}
{% macro window_of(column) -%}
  {{ return((column.get('config') or {}).get('meta', {}).get('window') or (column.get('meta') or {}).get('window')) }}
{%- endmacro %}


{#- The streams of a domain by name, as they are declared. -#}
{% macro streams_of(domain) -%}
  {%- set found = {} -%}
  {%- for node in graph.nodes.values() if node.resource_type == 'model' and (node.config.meta.get('stream') or {}).get('domain') == domain -%}
    {%- do found.update({node.config.meta.stream.name: node.config.meta.stream}) -%}
  {%- endfor -%}
  {{ return(found) }}
{%- endmacro %}


{#- Microseconds by which an event's place on the axis is put later; `maturity` stands for that of the domain's label. -#}
{% macro delay_us_of(window) -%}
  {%- set delay = window.delay or '0s' -%}
  {{ return(span_us(required_var('maturity') if delay == 'maturity' else delay)) }}
{%- endmacro %}


{#- Stop where SQL would come out that means something else; `riskloom.windows.load_plan` lists every mistake at once. -#}
{% macro check_window(plan, streams, key, window) -%}
  {%- set aggregates = [
    'count', 'sum', 'mean', 'min', 'max', 'std', 'distinct', 'last', 'time_since_last', 'time_since_first', 'rate', 'ratio'
  ] -%}
  {%- if window.aggregate not in aggregates -%}
    {{ refuse(plan, key ~ '.aggregate', 'one of ' ~ aggregates | join(', '), window.aggregate) }}
  {%- elif window.stream not in plan.relations or window.stream not in streams -%}
    {{ refuse(plan, key ~ '.stream', 'a declared stream among those of the model\'s windowed(): ' ~ plan.relations | join(', '), window.stream) }}
  {%- elif window.span not in plan.spans -%}
    {{ refuse(plan, key ~ '.span', 'one of the view\'s spans: ' ~ plan.spans | join(', '), window.span) }}
  {%- elif plan.join_key not in streams[window.stream].entities -%}
    {{ refuse(plan, key ~ '.stream', 'a stream with the entity ' ~ plan.join_key, window.stream) }}
  {%- elif window.field is defined and window.field not in streams[window.stream].fields -%}
    {{ refuse(plan, key ~ '.field', 'one of the stream\'s fields: ' ~ streams[window.stream].fields | join(', '), window.field) }}
  {%- elif window.field is not defined and window.aggregate not in ['count', 'time_since_last', 'time_since_first'] -%}
    {{ refuse(plan, key ~ '.field', 'the field to take the ' ~ window.aggregate ~ ' of', 'none') }}
  {%- elif window.aggregate == 'distinct' and not window.cap -%}
    {{ refuse(plan, key ~ '.cap', 'the number at which to stop counting', 'none') }}
  {%- endif -%}
{%- endmacro %}


{% macro refuse(plan, key, expected, found) -%}
  {{ exceptions.raise_compiler_error(plan.file ~ ": models." ~ plan.view ~ "." ~ key ~ ": expected " ~ expected ~ ", found " ~ found) }}
{%- endmacro %}


{#- A number that changes with what a view's windows are, so that a build after a change starts from the first day. -#}
{% macro window_fingerprint(view) -%}
  {%- set content = tojson([declared_windows(view), required_var('maturity')], sort_keys=true) -%}
  {{ return(local_md5(content)[:15] | int(0, 16)) }}
{%- endmacro %}


{#- The fingerprint of each windowed view of a domain: what its coverage mart remembers. -#}
{% macro window_fingerprints(domain) -%}
  {%- if not execute -%}{{ return({}) }}{%- endif -%}
  {%- set found = {} -%}
  {%- for node in graph.nodes.values() if node.resource_type == 'model' and (node.config.meta.get('feature_view') or {}).get('domain') == domain -%}
    {%- for column in node.columns.values() if window_of(column) and node.name not in found -%}
      {%- do found.update({node.name: window_fingerprint(node.name)}) -%}
    {%- endfor -%}
  {%- endfor -%}
  {{ return(found) }}
{%- endmacro %}

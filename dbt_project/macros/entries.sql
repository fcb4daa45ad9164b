{#-
  When events of a stream entered the live windows, where they did: `event_id`, `entered_us`. An event is observed when it
  entered, for that is when decisions began to see it; where it landed by another way, that was later or is not known.
-#}
{% macro entries(stream) -%}
  select event_id, min(entered_us) as entered_us
  from {{ logged_entries() }}
  where stream = '{{ stream }}'
  group by event_id
{%- endmacro %}


{#- The log of entries of the domain in whose folder the model stands. A line that was torn is no entry. -#}
{% macro logged_entries() -%}
  {{ return(adapter.dispatch('logged_entries')()) }}
{%- endmacro %}

{% macro duckdb__logged_entries() -%}
  read_json(
    '{{ entries_folder() | replace("'", "''") }}/*.jsonl',
    format = 'newline_delimited',
    ignore_errors = true,
    columns = {stream: 'VARCHAR', event_id: 'VARCHAR', entered_us: 'BIGINT'}
  )
{%- endmacro %}

{% macro spark__logged_entries() -%}
  json.`{{ entries_folder() }}`
{%- endmacro %}

{% macro entries_folder() -%}
  {{ return(env_var('RISKLOOM_HOME', '.riskloom') ~ '/entries/' ~ model.fqn[-2]) }}
{%- endmacro %}

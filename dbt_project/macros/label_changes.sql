{#-
  From statements to changes: +1 when the label of a key becomes true, -1 when that is taken back, both at the time of what
  the label is about and known when the statement was. So the sum over any window of them counts the labels that stand.

  `statements` has a row a statement: `key`, the boolean `label`, `stated_at` (when it was made), `effective_us` (when what
  it is about happened), `observed_us` (from when it counts) and `columns`, which are handed on.
-#}
{% macro label_changes(statements, key, label, columns) -%}
  {#- of statements that arrive together the one made last holds -#}
  {%- set in_order = 'partition by ' ~ key ~ ' order by observed_us, stated_at, ' ~ label -%}
    with

    compared as (
        select
            *,
            coalesce(lag({{ label }}) over ({{ in_order }}), false) as earlier_label
        from {{ statements }}
    ),

    numbered as (
        select
            *,
            row_number() over ({{ in_order }}) as change_number
        from compared
        where {{ label }} <> earlier_label
    )

    select
        concat({{ key }}, '/', cast(change_number as {{ dbt.type_string() }})) as event_id,
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        cast(case when {{ label }} then 1 else -1 end as bigint) as change,
        effective_us,
        observed_us
    from numbered
{%- endmacro %}

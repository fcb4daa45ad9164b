{#-
  Nothing is lost or gained on the way: rows and the sum of an amount are, for each value of a column, those of another
  relation. `total` and `of` are expressions over the one and the other; `known_us` is a column of the other whose rows
  count only where it lies before the build's `as_of`.
-#}
{% test same_totals(model, total, to, of, by, known_us=none) %}
with

found as (
  select {{ by }} as part, count(*) as number_of_rows, sum({{ total }}) as total
  from {{ model }}
  group by 1
),

expected as (
  select {{ by }} as part, count(*) as number_of_rows, sum({{ of }}) as total
  from {{ to }}
  {%- if known_us %}
  where {{ known_us }} < {{ as_of_us() }}
  {%- endif %}
  group by 1
)

select found.part, found.number_of_rows, found.total, expected.number_of_rows as rows_expected, expected.total as total_expected
from found
full outer join expected
  on coalesce(found.part, '') = coalesce(expected.part, '')
where found.number_of_rows is distinct from expected.number_of_rows or found.total is distinct from expected.total
{% endtest %}

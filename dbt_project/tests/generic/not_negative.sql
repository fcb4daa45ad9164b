{#- A count, an amount or a time elapsed is zero or more, where it is there. -#}
{% test not_negative(model, column_name) %}
select *
from {{ model }}
where {{ column_name }} < 0
{% endtest %}

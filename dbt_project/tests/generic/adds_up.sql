{#- In every row the parts come to the whole, exactly. -#}
{% test adds_up(model, whole, parts) %}
select *
from {{ model }}
where {{ whole }} is null or {{ whole }} <> {{ parts | join(' + ') }}
{% endtest %}

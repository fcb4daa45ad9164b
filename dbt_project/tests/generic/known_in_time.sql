{#- Nothing is known before it happened; clocks of two systems may differ by the tolerance. -#}
{% test known_in_time(model, known_at, happened_at, tolerance='0s') %}
select *
from {{ model }}
where {{ epoch_us(known_at) }} < {{ epoch_us(happened_at) }} - {{ span_us(tolerance) }}
{% endtest %}

{%- set rates = {
    'missing': 'packed',
    'missing_in_house': 'packed',
    'incomplete': 'packed',
    'vanished': 'packed',
    'underweight': 'packed',
    'lighter': 'weighed',
    'written_off': 'packed',
} %}

with

compared as (
    {{ beside_peers(
        ref('int_logistics_abuse__associate_measures'),
        key='associate_id',
        sums=['packed', 'weighed', 'packed_value', 'written_off_value', 'missing_amount'] + rates.keys() | list,
        weight='packed'
    ) | indent(4) }}
)

select
    associate_id,
    {{ from_epoch_us('day_us + 86400000000') }} as decision_at,
    peer_group,
    {%- for part, whole in rates.items() %}
    {{ rate(part, whole, 7) }} as {{ part }}_rate_7d,
    {{ rate(part, whole, 28) }} as {{ part }}_rate_28d,
    {{ excess(part, whole, 7, prior=400) }} as {{ part }}_over_peers_7d,
    {{ excess(part, whole, 28, prior=400) }} as {{ part }}_over_peers_28d,
    {%- endfor %}
    {{ rate('written_off_value', 'packed_value', 28) }} as written_off_value_rate_28d,
    (cast(missing_amount_28d as double) / nullif(missing_28d, 0))
    / nullif(cast(packed_value_28d as double) / nullif(packed_28d, 0), 0) as missing_to_packed_value_28d,
    cast(packed_1d as double) * 28 / nullif(packed_28d, 0) as packed_to_own_28d
from compared
where day_us + 86400000000 <= {{ as_of_us() }}

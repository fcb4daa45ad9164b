{%- set rates = {
    'missing': 'handovers',
    'missing_despite_handover': 'handovers',
    'missing_without_proof': 'handovers',
    'complaints': 'handovers',
    'unproven': 'handovers',
    'far': 'handovers',
    'declared': 'handovers',
} %}

with

compared as (
    {{ beside_peers(
        ref('int_logistics_abuse__driver_measures'),
        key='driver_id',
        sums=['handovers', 'loaded', 'attempts', 'handed_value', 'missing_amount'] + rates.keys() | list,
        weight='handovers'
    ) | indent(4) }}
)

select
    driver_id,
    {{ from_epoch_us('day_us + 86400000000') }} as decision_at,
    peer_group,
    {%- for part, whole in rates.items() %}
    {{ rate(part, whole, 7) }} as {{ part }}_rate_7d,
    {{ rate(part, whole, 28) }} as {{ part }}_rate_28d,
    {{ excess(part, whole, 7, prior=400) }} as {{ part }}_over_peers_7d,
    {{ excess(part, whole, 28, prior=400) }} as {{ part }}_over_peers_28d,
    {%- endfor %}
    cast(loaded_7d - attempts_7d - handovers_7d as double) / nullif(loaded_7d, 0) as unfinished_rate_7d,
    cast(loaded_28d - attempts_28d - handovers_28d as double) / nullif(loaded_28d, 0) as unfinished_rate_28d,
    (cast(missing_amount_28d as double) / nullif(missing_28d, 0))
    / nullif(cast(handed_value_28d as double) / nullif(handovers_28d, 0), 0) as missing_to_handed_value_28d,
    cast(handovers_1d as double) * 28 / nullif(handovers_28d, 0) as handovers_to_own_28d
from compared
where day_us + 86400000000 <= {{ as_of_us() }}

{%- set rates = {
    'concessions': 'orders',
    'missing': 'handovers',
    'missing_despite_handover': 'handovers',
    'missing_despite_proof': 'handovers',
    'contacts': 'orders',
    'redirects': 'orders',
    'light_returns': 'returned',
} %}

with

compared as (
    {{ beside_peers(
        ref('int_logistics_abuse__customer_measures'),
        key='customer_id',
        sums=['orders', 'ordered_value', 'handovers', 'amount', 'returned'] + rates.keys() | list,
        weight='day_us'
    ) | indent(4) }}
),

known_since as (
    select
        customer_id,
        min(day_us) as first_day_us
    from {{ ref('int_logistics_abuse__customer_measures') }}
    group by customer_id
)

select
    compared.customer_id,
    {{ from_epoch_us('compared.day_us + 86400000000') }} as decision_at,
    compared.peer_group,
    {%- for part, whole in rates.items() %}
    {{ rate(part, whole, 7) }} as {{ part }}_rate_7d,
    {{ rate(part, whole, 28) }} as {{ part }}_rate_28d,
    {{ excess(part, whole, 7, prior=50) }} as {{ part }}_over_peers_7d,
    {{ excess(part, whole, 28, prior=50) }} as {{ part }}_over_peers_28d,
    {%- endfor %}
    cast(concessions_28d as bigint) as concessions_28d,
    cast(amount_28d as double) / 100 as amount_28d,
    {{ rate('amount', 'ordered_value', 28) }} as amount_to_ordered_value_28d,
    cast(compared.day_us - known_since.first_day_us as double) / 86400000000 as days_known,
    {%- for kind in ['address', 'device'] %}
    cast(sharing.{{ kind }}_count as bigint) as {{ kind }}_count,
    cast(sharing.{{ kind }}_people as bigint) as {{ kind }}_people,
    cast(sharing.{{ kind }}_claimants as bigint) as {{ kind }}_claimants,
    cast(sharing.{{ kind }}_senders as bigint) as {{ kind }}_senders,
    sharing.{{ kind }}_claimant_share{{ ',' if not loop.last }}
    {%- endfor %}
from compared
inner join known_since
    on compared.customer_id = known_since.customer_id
left join {{ ref('int_logistics_abuse__customer_sharing') }} as sharing
    on compared.customer_id = sharing.customer_id and compared.day_us = sharing.day_us
where
    concessions_1d + contacts_1d + redirects_1d > 0
    and compared.day_us + 86400000000 <= {{ as_of_us() }}

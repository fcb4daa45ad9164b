select
    parcels.parcel_id as event_id,
    parcels.parcel_id,
    parcels.customer_id,
    parcels.address_id,
    parcels.device_id,
    cast(parcels.goods_value * 100 as bigint) as goods_value,
    parcels.expected_g,
    {{ epoch_us('parcels.effective_at') }} as effective_us,
    coalesce(entries.entered_us, parcels.observed_us) as observed_us
from {{ ref('stg_warehouse__parcels') }} as parcels
left join ({{ entries('orders') }}) as entries
    on parcels.parcel_id = entries.event_id

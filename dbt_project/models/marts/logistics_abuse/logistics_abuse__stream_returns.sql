select
    receipts.return_id as event_id,
    receipts.parcel_id,
    parcels.customer_id,
    parcels.address_id,
    receipts.expected_g,
    receipts.received_g,
    cast(case when receipts.received_g * 100 < receipts.expected_g * 70 then 1 else 0 end as bigint) as is_light,
    {{ epoch_us('receipts.effective_at') }} as effective_us,
    coalesce(
        entries.entered_us, greatest(receipts.observed_us, coalesce(parcels.observed_us, receipts.observed_us))
    ) as observed_us
from {{ ref('stg_warehouse__returns') }} as receipts
left join {{ ref('stg_warehouse__parcels') }} as parcels
    on receipts.parcel_id = parcels.parcel_id
left join ({{ entries('returns') }}) as entries
    on receipts.return_id = entries.event_id

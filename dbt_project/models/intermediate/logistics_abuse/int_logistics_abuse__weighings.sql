{#- Parcels that were on the scale at the bench and on the depot's sorter: both weights, and who packed. -#}
{{ config(materialized='table') }}

with

packed as (
    select
        *,
        row_number() over (partition by parcel_id order by observed_us, event_id) as nth
    from {{ ref('stg_warehouse__scans') }}
    where biz_step = 'packing' and weight_g > 0
)

select
    sorted.event_id,
    sorted.parcel_id,
    packed.associate_id,
    case when packed.shift is not null then concat(packed.site_id, '/', packed.shift) end as shift_class,
    packed.weight_g as packed_g,
    sorted.weight_g as sorted_g,
    {{ epoch_us('sorted.effective_at') }} as effective_us,
    greatest(sorted.observed_us, packed.observed_us) as observed_us
from {{ ref('stg_transport__scans') }} as sorted
inner join packed
    on sorted.parcel_id = packed.parcel_id and packed.nth = 1
where sorted.biz_step = 'receiving' and sorted.weight_g is not null

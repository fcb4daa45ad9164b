{#-
  From scans to changes: +1 when a hand-over is scanned, -1 when the scan is declared an error, both at the time of the
  hand-over and known when they were recorded. So the sum over any window counts the hand-overs that stand. The address is
  the one the parcel had been sent on to when it was handed over, so far as that was known.
-#}
{{ config(materialized='table') }}

with

scans as (
    select
        *,
        {{ epoch_us('effective_at') }} as effective_us
    from {{ ref('stg_transport__scans') }}
    where biz_step = 'accepting'
),

sent_on as (
    select
        scans.event_id,
        redirects.address_id,
        row_number() over (
            partition by scans.event_id order by redirects.observed_us desc, redirects.redirect_id
        ) as age
    from scans
    inner join {{ ref('stg_transport__redirects') }} as redirects
        on scans.parcel_id = redirects.parcel_id and redirects.observed_us <= scans.observed_us
),

handed_over as (
    select
        scans.event_id,
        scans.parcel_id,
        parcels.customer_id,
        coalesce(sent_on.address_id, parcels.address_id) as address_id,
        scans.driver_id,
        case when scans.route_type is not null and scans.driver_id is not null then concat(scans.depot_id, '/', scans.route_type) end as route_class,
        coalesce(scans.proof, 'none') <> 'none' as is_proven,
        scans.distance_m,
        scans.effective_us,
        -- a scan that overtakes the consignment note counts once the parcel is known
        greatest(scans.observed_us, coalesce(parcels.observed_us, scans.observed_us)) as observed_us
    from scans
    left join {{ ref('stg_warehouse__parcels') }} as parcels
        on scans.parcel_id = parcels.parcel_id
    left join sent_on
        on scans.event_id = sent_on.event_id and sent_on.age = 1
)

select
    event_id,
    parcel_id,
    customer_id,
    address_id,
    driver_id,
    route_class,
    is_proven,
    distance_m,
    cast(1 as bigint) as change,
    effective_us,
    observed_us
from handed_over

union all

select
    concat(handed_over.event_id, '/declared') as event_id,
    handed_over.parcel_id,
    handed_over.customer_id,
    handed_over.address_id,
    handed_over.driver_id,
    handed_over.route_class,
    handed_over.is_proven,
    handed_over.distance_m,
    cast(-1 as bigint) as change,
    handed_over.effective_us,
    greatest(declarations.observed_us, handed_over.observed_us) as observed_us
from handed_over
inner join {{ ref('stg_transport__error_declarations') }} as declarations
    on handed_over.event_id = declarations.event_id

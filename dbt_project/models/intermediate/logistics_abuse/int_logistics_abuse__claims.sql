{#- Concessions along their parcel: what the carrier had recorded of it, and the scales had shown, when each was requested. -#}
{{ config(materialized='table') }}

with

handed_over as (
    select
        concessions.event_id,
        sum(handovers.change) as standing,
        sum(handovers.proven) as proven
    from {{ ref('logistics_abuse__stream_concessions') }} as concessions
    inner join {{ ref('logistics_abuse__stream_handovers') }} as handovers
        on concessions.parcel_id = handovers.parcel_id and handovers.observed_us < concessions.observed_us
    group by concessions.event_id
),

carried as (
    select
        parcel_id,
        min(observed_us) as first_us
    from {{ ref('logistics_abuse__stream_movements') }}
    group by parcel_id
),

told as (
    select
        concessions.*,
        coalesce(handed_over.standing, 0) > 0 as is_handed_over,
        coalesce(handed_over.proven, 0) > 0 as is_proven,
        coalesce(carried.first_us < concessions.observed_us, false) as is_carried,
        coalesce(details.reason, '') = 'incomplete' as is_incomplete,
        {{ day_of('concessions.observed_us') }} as day_us
    from {{ ref('logistics_abuse__stream_concessions') }} as concessions
    inner join {{ ref('stg_service__concessions') }} as details
        on concessions.event_id = details.concession_id
    left join handed_over
        on concessions.event_id = handed_over.event_id
    left join carried
        on concessions.parcel_id = carried.parcel_id
)

select
    event_id,
    customer_id,
    driver_id,
    route_class,
    associate_id,
    shift_class,
    day_us,
    amount,
    is_missing,
    is_missing * amount as missing_amount,
    case when is_handed_over then is_missing else cast(0 as bigint) end as missing_despite_handover,
    case when is_handed_over and is_proven then is_missing else cast(0 as bigint) end as missing_despite_proof,
    case when is_handed_over and not is_proven then is_missing else cast(0 as bigint) end as missing_without_proof,
    case when is_handed_over or is_carried then cast(0 as bigint) else is_missing end as missing_in_house,
    cast(case when is_incomplete then 1 else 0 end as bigint) as is_incomplete
from told

{#- What each driver did and what was said of it, summed by route class and the day on which it was observed. -#}
{{ config(materialized='table') }}

with

tours as (
    select
        driver_id,
        case when route_type is not null then concat(depot_id, '/', route_type) end as peer_group,
        {{ day_of('observed_us') }} as day_us,
        case when biz_step = 'departing' then 1 else 0 end as loaded,
        case when biz_step = 'holding' then 1 else 0 end as attempts
    from {{ ref('stg_transport__scans') }}
    where driver_id is not null and biz_step in ('departing', 'holding')
),

handovers as (
    select
        handovers.driver_id,
        handovers.route_class as peer_group,
        {{ day_of('handovers.observed_us') }} as day_us,
        case when handovers.change = 1 then 1 else 0 end as handovers,
        case when handovers.change = 1 then 1 - handovers.proven else 0 end as unproven,
        case when handovers.change = 1 then handovers.far else 0 end as far,
        case when handovers.change = -1 then 1 else 0 end as declared,
        case when handovers.change = 1 then orders.goods_value else 0 end as handed_value
    from {{ ref('logistics_abuse__stream_handovers') }} as handovers
    left join {{ ref('logistics_abuse__stream_orders') }} as orders
        on handovers.parcel_id = orders.event_id and orders.observed_us <= handovers.observed_us
    where handovers.driver_id is not null
),

-- a conversation is about the last hand-over that was known when it took place
talked_of as (
    select
        handovers.driver_id,
        handovers.route_class as peer_group,
        {{ day_of('contacts.observed_us') }} as day_us,
        1 as complaints,
        row_number() over (
            partition by contacts.event_id order by handovers.observed_us desc, handovers.event_id
        ) as nth
    from {{ ref('logistics_abuse__stream_contacts') }} as contacts
    inner join {{ ref('logistics_abuse__stream_handovers') }} as handovers
        on contacts.parcel_id = handovers.parcel_id and handovers.observed_us < contacts.observed_us
    where handovers.change = 1
),

complaints as (
    select *
    from talked_of
    where nth = 1 and driver_id is not null
),

claims as (
    select
        driver_id,
        route_class as peer_group,
        day_us,
        is_missing as missing,
        missing_despite_handover,
        missing_without_proof,
        missing_amount
    from {{ ref('int_logistics_abuse__claims') }}
    where driver_id is not null
)

{{ added_up(
    {
        'tours': ['loaded', 'attempts'],
        'handovers': ['handovers', 'unproven', 'far', 'declared', 'handed_value'],
        'complaints': ['complaints'],
        'claims': ['missing', 'missing_despite_handover', 'missing_without_proof', 'missing_amount'],
    },
    keys=['driver_id', 'peer_group', 'day_us']
) }}

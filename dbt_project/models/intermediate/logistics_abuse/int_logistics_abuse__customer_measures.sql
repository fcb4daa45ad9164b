{#-
  What each customer was sent, said and sent back, summed by the day on which it was observed. The peers are those whom the
  same depot serves on the same kind of route, as the latest hand-over or concession that was known tells.
-#}
{{ config(materialized='table') }}

with

orders as (
    select
        customer_id,
        {{ day_of('observed_us') }} as day_us,
        1 as orders,
        goods_value as ordered_value
    from {{ ref('logistics_abuse__stream_orders') }}
),

handovers as (
    select
        customer_id,
        route_class,
        {{ day_of('observed_us') }} as day_us,
        1 as handovers
    from {{ ref('logistics_abuse__stream_handovers') }}
    where change = 1 and customer_id is not null
),

claims as (
    select
        customer_id,
        route_class,
        day_us,
        1 as concessions,
        amount,
        is_missing as missing,
        missing_despite_handover,
        missing_despite_proof
    from {{ ref('int_logistics_abuse__claims') }}
),

contacts as (
    select
        customer_id,
        {{ day_of('observed_us') }} as day_us,
        1 as contacts
    from {{ ref('logistics_abuse__stream_contacts') }}
),

redirects as (
    select
        customer_id,
        {{ day_of('observed_us') }} as day_us,
        1 as redirects
    from {{ ref('logistics_abuse__stream_redirects') }}
),

receipts as (
    select
        customer_id,
        {{ day_of('observed_us') }} as day_us,
        1 as returned,
        is_light as light_returns
    from {{ ref('logistics_abuse__stream_returns') }}
    where customer_id is not null
),

days as (
    {{ added_up(
        {
            'orders': ['orders', 'ordered_value'],
            'handovers': ['handovers'],
            'claims': ['concessions', 'amount', 'missing', 'missing_despite_handover', 'missing_despite_proof'],
            'contacts': ['contacts'],
            'redirects': ['redirects'],
            'receipts': ['returned', 'light_returns'],
        },
        keys=['customer_id', 'day_us']
    ) | indent(4) }}
),

places as (
    select
        customer_id,
        day_us,
        max(route_class) as route_class
    from (
        select customer_id, day_us, route_class from handovers
        union all
        select customer_id, day_us, route_class from claims
    ) as seen
    where route_class is not null
    group by customer_id, day_us
),

stretches as (
    select
        days.*,
        places.route_class,
        count(places.route_class) over (
            partition by days.customer_id order by days.day_us rows between unbounded preceding and current row
        ) as stretch
    from days
    left join places
        on days.customer_id = places.customer_id and days.day_us = places.day_us
)

select
    customer_id,
    max(route_class) over (partition by customer_id, stretch) as peer_group,
    day_us,
    orders,
    ordered_value,
    handovers,
    concessions,
    amount,
    missing,
    missing_despite_handover,
    missing_despite_proof,
    contacts,
    redirects,
    returned,
    light_returns
from stretches

{#-
  With whom customers share addresses and devices, at the end of each day on which they asked for something.

  An address or device belongs to a customer from the first day on which that was observed until ninety days after the last
  one (later uses cannot be seen in it: they only close gaps of less than ninety days). Customers of an address are counted
  as a running sum of such beginnings and ends, so that a hall with a thousand names costs no more than a thousand homes.
-#}
{{ config(materialized='table') }}
{%- set valid_us = 90 * 86400000000 %}
{%- set roles = {'people': '1', 'claimants': 'is_claim', 'senders': 'is_sent_on'} %}

with

orders as (
    select customer_id, address_id, device_id, 0 as is_claim, 0 as is_sent_on, {{ day_of('observed_us') }} as day_us
    from {{ ref('logistics_abuse__stream_orders') }}
),

redirects as (
    select customer_id, address_id, device_id, 0 as is_claim, 1 as is_sent_on, {{ day_of('observed_us') }} as day_us
    from {{ ref('logistics_abuse__stream_redirects') }}
),

claims as (
    select customer_id, address_id, device_id, 1 as is_claim, 0 as is_sent_on, {{ day_of('observed_us') }} as day_us
    from {{ ref('logistics_abuse__stream_concessions') }}
),

contacts as (
    select
        customer_id,
        cast(null as {{ dbt.type_string() }}) as address_id,
        device_id,
        0 as is_claim,
        0 as is_sent_on,
        {{ day_of('observed_us') }} as day_us
    from {{ ref('logistics_abuse__stream_contacts') }}
),

uses as (
    select * from orders
    union all
    select * from redirects
    union all
    select * from claims
    union all
    select * from contacts
),

attributes as (
    select customer_id, concat('address/', address_id) as attribute_id, is_claim, is_sent_on, day_us
    from uses
    where address_id is not null
    union all
    select customer_id, concat('device/', device_id) as attribute_id, is_claim, is_sent_on, day_us
    from uses
    where device_id is not null
),

role_days as (
    {%- for role, condition in roles.items() %}
    select distinct '{{ role }}' as role, customer_id, attribute_id, day_us
    from attributes
    where {{ condition }} = 1
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

gaps as (
    select
        *,
        case
            when
                day_us - lag(day_us) over (partition by role, customer_id, attribute_id order by day_us)
                <= {{ valid_us }}
                then 0
            else 1
        end as is_first
    from role_days
),

numbered as (
    select
        *,
        sum(is_first) over (
            partition by role, customer_id, attribute_id order by day_us
            rows between unbounded preceding and current row
        ) as nth
    from gaps
),

validities as (
    select
        role,
        customer_id,
        attribute_id,
        min(day_us) as from_us,
        max(day_us) + {{ valid_us }} as until_us
    from numbered
    group by role, customer_id, attribute_id, nth
),

active_days as (
    select customer_id, day_us
    from {{ ref('int_logistics_abuse__customer_measures') }}
    where concessions + contacts + redirects > 0
),

held as (
    select
        active_days.customer_id,
        active_days.day_us,
        validities.attribute_id
    from active_days
    inner join validities
        on active_days.customer_id = validities.customer_id
        and active_days.day_us >= validities.from_us
        and active_days.day_us < validities.until_us
    where validities.role = 'people'
),

changes as (
    select role, attribute_id, from_us as at_us, 1 as change
    from validities
    union all
    select role, attribute_id, until_us as at_us, -1 as change
    from validities
    union all
    select distinct 'none' as role, attribute_id, day_us as at_us, 0 as change
    from held
),

counted as (
    select
        role,
        attribute_id,
        at_us,
        {%- for role in roles %}
        sum(case when role = '{{ role }}' then change else 0 end) over (
            partition by attribute_id order by at_us range between unbounded preceding and current row
        ) as {{ role }}{{ ',' if not loop.last }}
        {%- endfor %}
    from changes
)

select
    held.customer_id,
    held.day_us,
    {%- for kind in ['address', 'device'] %}
    sum(case when held.attribute_id like '{{ kind }}/%' then 1 else 0 end) as {{ kind }}_count,
    {%- for role in roles %}
    max(case when held.attribute_id like '{{ kind }}/%' then counted.{{ role }} end) as {{ kind }}_{{ role }},
    {%- endfor %}
    max(
        case
            when held.attribute_id like '{{ kind }}/%' and counted.people > 1
                then cast(counted.claimants as double) / counted.people
        end
    ) as {{ kind }}_claimant_share{{ ',' if not loop.last }}
    {%- endfor %}
from held
inner join counted
    on held.attribute_id = counted.attribute_id and held.day_us = counted.at_us and counted.role = 'none'
group by held.customer_id, held.day_us

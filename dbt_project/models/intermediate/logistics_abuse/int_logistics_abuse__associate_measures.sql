{#-
  What each associate packed and corrected, and what became of it, summed by shift and the day on which it was observed. A
  parcel that no scanner of the carrier has seen four days after it was packed is counted on the fifth.
-#}
{{ config(materialized='table') }}
{%- set patience_us = 4 * 86400000000 %}

with

packed as (
    select
        packings.parcel_id,
        packings.associate_id,
        packings.shift_class as peer_group,
        packings.observed_us,
        1 as packed,
        case when packings.packed_g * 100 < orders.expected_g * 85 then 1 else 0 end as underweight,
        orders.goods_value as packed_value
    from {{ ref('logistics_abuse__stream_packings') }} as packings
    left join {{ ref('logistics_abuse__stream_orders') }} as orders
        on packings.parcel_id = orders.event_id and orders.observed_us <= packings.observed_us
    where packings.associate_id is not null
),

packings as (
    select
        *,
        {{ day_of('observed_us') }} as day_us
    from packed
),

carried as (
    select
        parcel_id,
        min(observed_us) as first_us
    from {{ ref('stg_transport__scans') }}
    group by parcel_id
),

vanished as (
    select
        packed.associate_id,
        packed.peer_group,
        {{ day_of('(packed.observed_us + ' ~ patience_us ~ ')') }} as day_us,
        1 as vanished
    from packed
    left join carried
        on packed.parcel_id = carried.parcel_id and carried.first_us < packed.observed_us + {{ patience_us }}
    where carried.parcel_id is null
),

weighings as (
    select
        associate_id,
        shift_class as peer_group,
        {{ day_of('observed_us') }} as day_us,
        1 as weighed,
        is_light as lighter
    from {{ ref('logistics_abuse__stream_weighings') }}
    where associate_id is not null
),

adjustments as (
    select
        associate_id,
        shift_class as peer_group,
        {{ day_of('observed_us') }} as day_us,
        case when missing_value > 0 then 1 else 0 end as written_off,
        missing_value as written_off_value
    from {{ ref('logistics_abuse__stream_adjustments') }}
    where associate_id is not null
),

claims as (
    select
        associate_id,
        shift_class as peer_group,
        day_us,
        is_missing as missing,
        missing_in_house,
        is_incomplete as incomplete,
        missing_amount
    from {{ ref('int_logistics_abuse__claims') }}
    where associate_id is not null
)

{{ added_up(
    {
        'packings': ['packed', 'underweight', 'packed_value'],
        'vanished': ['vanished'],
        'weighings': ['weighed', 'lighter'],
        'adjustments': ['written_off', 'written_off_value'],
        'claims': ['missing', 'missing_in_house', 'incomplete', 'missing_amount'],
    },
    keys=['associate_id', 'peer_group', 'day_us']
) }}

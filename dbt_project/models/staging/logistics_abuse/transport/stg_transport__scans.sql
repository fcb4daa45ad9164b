{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('transport', 'transport__scans')]) -%}

with

source as (
    {{ landed_since('transport', 'transport__scans', restart) }}
),

accepted as (
    {{ first_accepted('source', key=['event_id'], tie_breakers=['parcel_id', 'biz_step']) }}
),

renamed as (
    select
        event_id,
        parcel_id,
        action,
        biz_step,
        disposition,
        read_point,
        depot_id,
        route_type,
        route_id,
        driver_id,
        proof,
        distance_m,
        weight_g,
        event_time_zone_offset,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us,
        cast(observed_at as date) as observed_on
    from accepted
)

select * from renamed
{{ not_accepted_before('renamed', 'event_id', restart) }}

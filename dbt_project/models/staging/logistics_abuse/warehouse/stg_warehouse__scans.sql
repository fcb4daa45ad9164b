{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('warehouse', 'warehouse__scans')]) -%}

with

source as (
    select *
    from {{ landed('warehouse', 'warehouse__scans') }}
    {% if restart is not none %}
        where observed_at >= cast('{{ restart }}' as timestamp)
    {% endif %}
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
        site_id,
        shift,
        associate_id,
        weight_g,
        event_time_zone_offset,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us,
        cast(observed_at as date) as observed_on
    from accepted
)

select * from renamed
{% if restart is not none %}
    where not exists (
        select 1
        from {{ this }} as earlier
        where earlier.event_id = renamed.event_id and earlier.observed_on < cast('{{ restart }}' as date)
    )
{% endif %}

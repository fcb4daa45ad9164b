{{ config(materialized='incremental', unique_key='observed_on') }}
{%- set restart = restart_day([('vpc', 'vpc__flows')]) -%}
{#- The names of OCSF 1.3, class 4001 (Network Activity); activity_id 6 is traffic, disposition_id 1 allowed and 2 blocked. -#}
with

source as (
    {{ landed_since('vpc', 'vpc__flows', restart) }}
),

accepted as (
    {{ first_accepted('source', key=['flow_id'], tie_breakers=['source_address', 'destination_address']) }}
),

renamed as (
    select
        flow_id as metadata_uid,
        4001 as class_uid,
        6 as activity_id,
        case action when 'ACCEPT' then 1 when 'REJECT' then 2 else 0 end as disposition_id,
        account_id as cloud_account_uid,
        interface_id as device_interface_uid,
        source_address as src_endpoint_ip,
        source_port as src_endpoint_port,
        destination_address as dst_endpoint_ip,
        destination_port as dst_endpoint_port,
        case protocol when '1' then 'icmp' when '6' then 'tcp' when '17' then 'udp' else protocol end as connection_info_protocol_name,
        service as app_name,
        packets as traffic_packets_out,
        bytes_out as traffic_bytes_out,
        bytes_in as traffic_bytes_in,
        coalesce(
            duration_s,
            cast(({{ epoch_us('effective_at') }} - {{ epoch_us('started_at') }}) / 1000000 as bigint)
        ) as duration_s,
        state as status_detail,
        cast(started_at as timestamp) as started_at,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us,
        cast(observed_at as date) as observed_on
    from accepted
)

select * from renamed
{{ not_accepted_before('renamed', 'metadata_uid', restart) }}

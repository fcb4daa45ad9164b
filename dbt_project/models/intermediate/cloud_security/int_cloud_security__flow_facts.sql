{#-
  What can be said of a flow by itself and its place in its conversation: what one address sends to one port of another.
  The flow before is the one begun last of those that were known before this one.
-#}
{%- set inside = ['10.%', '192.168.%', '169.254.%', 'fc%:%', 'fd%:%', 'fe80:%'] -%}
{%- for number in range(16, 32) %}{% do inside.append('172.' ~ number ~ '.%') %}{% endfor -%}
with

flows as (
    select
        metadata_uid as flow_id,
        src_endpoint_ip as source_address,
        dst_endpoint_ip as destination_address,
        dst_endpoint_port as destination_port,
        connection_info_protocol_name as protocol,
        traffic_packets_out as packets,
        traffic_bytes_out as bytes_out,
        traffic_bytes_in as bytes_in,
        duration_s,
        case disposition_id when 1 then 0 when 2 then 1 end as is_rejected,
        case when {% for like in inside %}src_endpoint_ip like '{{ like }}'{{ ' or ' if not loop.last }}{% endfor %}
            then 1 when src_endpoint_ip is not null then 0 end as is_from_inside,
        case when {% for like in inside %}dst_endpoint_ip like '{{ like }}'{{ ' or ' if not loop.last }}{% endfor %}
            then 1 when dst_endpoint_ip is not null then 0 end as is_to_inside,
        case when src_endpoint_ip is not null and dst_endpoint_ip is not null
            then concat(
                src_endpoint_ip, '>', dst_endpoint_ip, ':', coalesce(cast(dst_endpoint_port as {{ dbt.type_string() }}), '-')
            ) end as conversation,
        {{ epoch_us('coalesce(started_at, effective_at)') }} as started_us,
        observed_us
    from {{ ref('stg_vpc__flows') }}
),

followed as (
    select
        *,
        max(started_us) over (
            partition by conversation order by observed_us range between {{ span_us('28d') }} preceding and 1 preceding
        ) as previous_us
    from flows
)

select
    flow_id,
    case
        when is_from_inside is null or is_to_inside is null then 'unknown'
        when is_from_inside = 1 and is_to_inside = 1 then 'internal'
        when is_from_inside = 1 then 'outbound'
        when is_to_inside = 1 then 'inbound'
        else 'transit'
    end as direction,
    source_address,
    destination_address,
    destination_port,
    protocol,
    conversation,
    packets,
    bytes_out,
    bytes_in,
    duration_s,
    is_rejected,
    ln(bytes_out + 1) as log_bytes,
    -- one that began before the one it follows says nothing of the rhythm
    case when conversation is not null and started_us > previous_us
        then cast(started_us - previous_us as double) / 1000000 end as gap_s,
    observed_us
from followed

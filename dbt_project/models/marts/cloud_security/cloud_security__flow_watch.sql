{#-
  A flow as it was when it became known, with what was known before of its source, its destination and their conversation.
  Every window ends just before the flow: neither it nor what arrived at the same instant is in one.
-#}
with

facts as (
    select * from {{ ref('int_cloud_security__flow_facts') }}
),

windows as (
    select
        *,
        count(*) over source_1h as source_flows_1h,
        count(*) over source_1d as source_flows_1d,
        {{ distinct_over('destination_address', 'source_1h') }} as source_destinations_1h,
        {{ distinct_over('destination_address', 'source_1d') }} as source_destinations_1d,
        {{ distinct_over('destination_port', 'source_1d') }} as source_ports_1d,
        avg(is_rejected) over source_1d as source_rejected_share_1d,
        sum(bytes_out) over source_1d as source_bytes_1d,
        sum(bytes_out) over source_28d as source_bytes_28d,
        avg(log_bytes) over source_28d as source_log_bytes_28d,
        count(*) over source_28d as source_flows_28d,
        count(*) over source_port_28d as source_port_flows_28d,
        count(*) over destination_1d as destination_flows_1d,
        count(*) over destination_28d as destination_flows_28d,
        {{ distinct_over('source_address', 'destination_1d') }} as destination_sources_1d,
        {{ distinct_over('destination_port', 'destination_1d') }} as destination_ports_1d,
        avg(is_rejected) over destination_1d as destination_rejected_share_1d,
        sum(bytes_out) over destination_1d as destination_bytes_1d,
        count(*) over conversation_1d as conversation_flows_1d,
        count(*) over conversation_28d as conversation_flows_28d,
        count(gap_s) over conversation_1d as conversation_gaps_1d,
        stddev_pop(ln(gap_s)) over conversation_1d as conversation_gap_spread_1d,
        stddev_pop(log_bytes) over conversation_1d as conversation_bytes_spread_1d
    from facts
    window
        {%- for name, key, spans in [
            ('source', 'source_address', ['1h', '1d', '28d']),
            ('source_port', 'source_address, destination_port', ['28d']),
            ('destination', 'destination_address', ['1d', '28d']),
            ('conversation', 'conversation', ['1d', '28d']),
        ] %}
        {%- set is_last = loop.last %}
        {%- for span in spans %}
        {{ name }}_{{ span }} as (
            partition by {{ key }} order by observed_us range between {{ span_us(span) }} preceding and 1 preceding
        ){{ ',' if not (is_last and loop.last) }}
        {%- endfor %}
        {%- endfor %}
)

select
    flow_id,
    {{ from_epoch_us('observed_us') }} as decision_at,
    direction as peer_group,
    bytes_out,
    bytes_in,
    packets,
    duration_s,
    cast(bytes_out as double) / nullif(packets, 0) as bytes_per_packet,
    cast(bytes_out as double) / greatest(duration_s, 1) as bytes_per_second,
    cast(is_rejected as bigint) as is_rejected,
    cast(case when direction <> 'unknown' then case when direction = 'outbound' then 1 else 0 end end as bigint) as is_outbound,
    cast(case when direction <> 'unknown' then case when direction = 'inbound' then 1 else 0 end end as bigint) as is_inbound,
    cast(case when protocol = 'udp' then 1 when protocol is not null then 0 end as bigint) as is_udp,
    cast(case when protocol = 'icmp' then 1 when protocol is not null then 0 end as bigint) as is_icmp,
    cast(case when destination_port < 1024 then 1 when destination_port is not null then 0 end as bigint) as is_system_port,
    cast(case when destination_port >= 49152 then 1 when destination_port is not null then 0 end as bigint) as is_dynamic_port,
    {%- for name in ['source_flows_1h', 'source_flows_1d', 'source_destinations_1h', 'source_destinations_1d', 'source_ports_1d'] %}
    case when source_address is not null then {{ name }} end as {{ name }},
    {%- endfor %}
    case when source_address is not null then source_rejected_share_1d end as source_rejected_share_1d,
    -- against a day of the four weeks before, smoothed by a kilobyte
    case when source_flows_28d > 0 and source_address is not null
        then (coalesce(source_bytes_1d, 0) + 1024e0) / (coalesce(source_bytes_28d, 0) / 28e0 + 1024e0) end as source_bytes_burst,
    case when source_address is not null then log_bytes - source_log_bytes_28d end as bytes_to_usual,
    case when source_address is not null and destination_port is not null
        then cast(source_port_flows_28d as double) / nullif(source_flows_28d, 0) end as source_port_share_28d,
    {%- for name in ['destination_flows_1d', 'destination_flows_28d', 'destination_sources_1d', 'destination_ports_1d'] %}
    case when destination_address is not null then {{ name }} end as {{ name }},
    {%- endfor %}
    case when destination_address is not null then destination_rejected_share_1d end as destination_rejected_share_1d,
    case when destination_address is not null then cast(coalesce(destination_bytes_1d, 0) as double) end as destination_bytes_1d,
    {%- for name in ['conversation_flows_1d', 'conversation_flows_28d'] %}
    case when conversation is not null then {{ name }} end as {{ name }},
    {%- endfor %}
    gap_s as conversation_gap_s,
    -- of two gaps nobody can say whether they are regular
    case when conversation_gaps_1d >= 3 then conversation_gap_spread_1d end as conversation_gap_spread_1d,
    case when conversation_gaps_1d >= 3 then conversation_bytes_spread_1d end as conversation_bytes_spread_1d
from windows

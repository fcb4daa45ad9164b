select
    metadata_uid as flow_id,
    cloud_account_uid as account_id,
    device_interface_uid as interface_id,
    src_endpoint_ip as source_address,
    dst_endpoint_ip as destination_address,
    src_endpoint_port as source_port,
    dst_endpoint_port as destination_port,
    connection_info_protocol_name as protocol,
    app_name as service,
    traffic_packets_out as packets,
    traffic_bytes_out as bytes_out,
    traffic_bytes_in as bytes_in,
    duration_s,
    disposition_id,
    status_detail as state,
    effective_at,
    observed_at
from {{ ref('stg_vpc__flows') }}

{{ feature_view(ref('int_cloud_security__peer_operation_windows')) }}

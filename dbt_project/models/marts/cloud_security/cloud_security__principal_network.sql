{{ feature_view(ref('int_cloud_security__principal_network_windows')) }}

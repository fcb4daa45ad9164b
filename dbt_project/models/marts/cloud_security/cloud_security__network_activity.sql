{{ feature_view(ref('int_cloud_security__network_activity_windows')) }}

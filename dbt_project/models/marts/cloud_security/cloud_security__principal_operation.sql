{{ feature_view(ref('int_cloud_security__principal_operation_windows')) }}

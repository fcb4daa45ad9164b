{{ feature_view(ref('int_cloud_security__principal_access_windows')) }}

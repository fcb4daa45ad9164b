{{ feature_view(ref('int_cloud_security__account_activity_windows')) }}

{{ feature_view(ref('int_cloud_security__principal_country_windows')) }}

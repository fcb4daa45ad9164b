{{ feature_view(ref('int_logistics_abuse__device_sharing_windows')) }}

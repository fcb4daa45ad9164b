{{ feature_view(ref('int_logistics_abuse__address_sharing_windows')) }}

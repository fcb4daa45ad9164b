{{ feature_view(ref('int_logistics_abuse__driver_conduct_windows')) }}

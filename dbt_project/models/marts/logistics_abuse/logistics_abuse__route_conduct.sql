{{ feature_view(ref('int_logistics_abuse__route_conduct_windows')) }}

{{ feature_view(ref('int_logistics_abuse__shift_conduct_windows')) }}

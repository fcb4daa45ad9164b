{{ feature_view(ref('int_logistics_abuse__associate_conduct_windows')) }}

{{ feature_view(ref('int_logistics_abuse__agent_conduct_windows')) }}

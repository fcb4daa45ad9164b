{{ feature_view(ref('int_customer_trust__terminal_activity_windows')) }}

{{ feature_view(ref('int_customer_trust__customer_activity_windows')) }}

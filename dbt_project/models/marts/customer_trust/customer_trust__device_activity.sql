{{ feature_view(ref('int_customer_trust__device_activity_windows')) }}

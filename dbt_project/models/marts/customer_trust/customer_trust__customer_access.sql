{{ feature_view(ref('int_customer_trust__customer_access_windows')) }}

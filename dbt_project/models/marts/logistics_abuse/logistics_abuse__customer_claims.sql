{{ feature_view(ref('int_logistics_abuse__customer_claims_windows')) }}

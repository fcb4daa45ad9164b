{{ feature_view(ref('int_customer_trust__terminal_risk_windows')) }}

{{ feature_view(ref('int_refund_abuse__customer_history_windows')) }}

{{ feature_view(ref('int_vendor_disputes__order_state_windows')) }}

{{ feature_view(ref('int_vendor_disputes__vendor_activity_windows')) }}

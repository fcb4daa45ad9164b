{{ feature_view(ref('int_vendor_disputes__buyer_record_windows')) }}

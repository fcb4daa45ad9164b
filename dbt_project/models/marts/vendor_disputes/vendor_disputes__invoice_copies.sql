{{ feature_view(ref('int_vendor_disputes__invoice_copies_windows')) }}

{{ feature_view(ref('int_vendor_disputes__agreed_prices_windows')) }}

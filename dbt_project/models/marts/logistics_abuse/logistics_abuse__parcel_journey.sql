{{ feature_view(ref('int_logistics_abuse__parcel_journey_windows')) }}

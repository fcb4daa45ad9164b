-- Written after everything that is built in steps, so that a build that failed half way is done again from the same day.
-- depends_on: {{ ref('int_logistics_abuse__parcel_journey_windows') }}
-- depends_on: {{ ref('int_logistics_abuse__customer_claims_windows') }}
-- depends_on: {{ ref('int_logistics_abuse__address_sharing_windows') }}
-- depends_on: {{ ref('int_logistics_abuse__device_sharing_windows') }}
-- depends_on: {{ ref('int_logistics_abuse__driver_conduct_windows') }}
-- depends_on: {{ ref('int_logistics_abuse__route_conduct_windows') }}
-- depends_on: {{ ref('int_logistics_abuse__agent_conduct_windows') }}
-- depends_on: {{ ref('int_logistics_abuse__associate_conduct_windows') }}
-- depends_on: {{ ref('int_logistics_abuse__shift_conduct_windows') }}
{{ landed_days(
    sources=[
        ('service', 'service__concessions'),
        ('transport', 'transport__scans'),
        ('warehouse', 'warehouse__parcels'),
        ('warehouse', 'warehouse__scans'),
    ],
    streams={
        'adjustments': ref('logistics_abuse__stream_adjustments'),
        'concessions': ref('logistics_abuse__stream_concessions'),
        'contacts': ref('logistics_abuse__stream_contacts'),
        'handovers': ref('logistics_abuse__stream_handovers'),
        'movements': ref('logistics_abuse__stream_movements'),
        'orders': ref('logistics_abuse__stream_orders'),
        'packings': ref('logistics_abuse__stream_packings'),
        'redirects': ref('logistics_abuse__stream_redirects'),
        'returns': ref('logistics_abuse__stream_returns'),
        'verdicts': ref('logistics_abuse__stream_verdicts'),
        'weighings': ref('logistics_abuse__stream_weighings'),
    },
    parameters=window_fingerprints('logistics_abuse')
) }}

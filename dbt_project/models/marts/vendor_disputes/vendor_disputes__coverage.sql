-- Written after everything that is built in steps, so that a build that failed half way is done again from the same day.
-- depends_on: {{ ref('int_vendor_disputes__decision_matches') }}
-- depends_on: {{ ref('int_vendor_disputes__order_state_windows') }}
-- depends_on: {{ ref('int_vendor_disputes__invoice_copies_windows') }}
-- depends_on: {{ ref('int_vendor_disputes__agreed_prices_windows') }}
-- depends_on: {{ ref('int_vendor_disputes__vendor_activity_windows') }}
-- depends_on: {{ ref('int_vendor_disputes__vendor_record_windows') }}
-- depends_on: {{ ref('int_vendor_disputes__buyer_record_windows') }}
{{ landed_days(
    sources=[
        ('payables', 'payables__invoice_lines'),
        ('purchasing', 'purchasing__order_lines'),
        ('receiving', 'receiving__receipts'),
        ('receiving', 'receiving__returns'),
    ],
    streams={
        'agreements': ref('vendor_disputes__stream_agreements'),
        'deductions': ref('vendor_disputes__stream_deductions'),
        'disputes': ref('vendor_disputes__stream_disputes'),
        'invoice_lines': ref('vendor_disputes__stream_invoice_lines'),
        'order_lines': ref('vendor_disputes__stream_order_lines'),
        'receipts': ref('vendor_disputes__stream_receipts'),
        'returns': ref('vendor_disputes__stream_returns'),
        'verdicts': ref('vendor_disputes__stream_verdicts'),
    },
    parameters=dict(window_fingerprints('vendor_disputes'), tolerances=seed_fingerprint('vendor_disputes_tolerances'))
) }}

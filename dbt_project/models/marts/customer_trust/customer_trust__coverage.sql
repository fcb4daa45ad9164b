-- Written after everything that is built in steps, so that a build that failed half way is done again from the same day.
-- depends_on: {{ ref('int_customer_trust__customer_activity_windows') }}
-- depends_on: {{ ref('int_customer_trust__customer_access_windows') }}
-- depends_on: {{ ref('int_customer_trust__customer_frauds_windows') }}
-- depends_on: {{ ref('int_customer_trust__terminal_activity_windows') }}
-- depends_on: {{ ref('int_customer_trust__terminal_risk_windows') }}
-- depends_on: {{ ref('int_customer_trust__device_activity_windows') }}
{{ landed_days(
    sources=[('payments', 'payments__transactions'), ('accounts', 'accounts__logins')],
    streams={
        'bindings': ref('customer_trust__stream_bindings'),
        'fraud_runs': ref('customer_trust__stream_fraud_runs'),
        'fraud_verdicts': ref('customer_trust__stream_fraud_verdicts'),
        'logins': ref('customer_trust__stream_logins'),
        'payments': ref('customer_trust__stream_payments'),
    },
    parameters=window_fingerprints('customer_trust')
) }}

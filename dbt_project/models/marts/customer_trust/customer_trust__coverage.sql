-- Written after everything that is built in steps, so that a build that failed half way is done again from the same day.
-- depends_on: {{ ref('int_customer_trust__customer_activity_windows') }}
-- depends_on: {{ ref('int_customer_trust__customer_access_windows') }}
-- depends_on: {{ ref('int_customer_trust__customer_frauds_windows') }}
-- depends_on: {{ ref('int_customer_trust__terminal_activity_windows') }}
-- depends_on: {{ ref('int_customer_trust__terminal_risk_windows') }}
-- depends_on: {{ ref('int_customer_trust__device_activity_windows') }}
{{ landed_days(
    [
        ('payments', 'payments__transactions'),
        ('payments', 'payments__chargebacks'),
        ('accounts', 'accounts__logins'),
        ('accounts', 'accounts__devices'),
    ],
    parameters=window_fingerprints('customer_trust')
) }}

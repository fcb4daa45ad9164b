-- Written after everything that is built in steps, so that a build that failed half way is done again from the same day.
-- depends_on: {{ ref('int_customer_trust__customer_activity') }}
-- depends_on: {{ ref('int_customer_trust__customer_access') }}
-- depends_on: {{ ref('int_customer_trust__customer_frauds') }}
-- depends_on: {{ ref('int_customer_trust__terminal_activity') }}
-- depends_on: {{ ref('int_customer_trust__terminal_risk') }}
-- depends_on: {{ ref('int_customer_trust__device_activity') }}
{{ landed_days(
    [
        ('payments', 'payments__transactions'),
        ('payments', 'payments__chargebacks'),
        ('accounts', 'accounts__logins'),
        ('accounts', 'accounts__devices'),
    ],
    parameters={'maturity': span_us(required_var('maturity') or '1d')}
) }}

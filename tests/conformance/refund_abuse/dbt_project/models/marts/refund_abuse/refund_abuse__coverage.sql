-- Written after everything that is built in steps, so that a build that failed half way is done again from the same day.
-- depends_on: {{ ref('int_refund_abuse__customer_history_windows') }}
{{ landed_days(
    streams={
        'requests': ref('refund_abuse__stream_requests'),
        'findings': ref('refund_abuse__stream_findings'),
    },
    parameters=window_fingerprints('refund_abuse')
) }}

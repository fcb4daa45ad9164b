-- Written after everything that is built in steps, so that a build that failed half way is done again from the same day.
-- depends_on: {{ ref('int_cloud_security__principal_activity_windows') }}
-- depends_on: {{ ref('int_cloud_security__principal_access_windows') }}
-- depends_on: {{ ref('int_cloud_security__principal_findings_windows') }}
-- depends_on: {{ ref('int_cloud_security__network_activity_windows') }}
-- depends_on: {{ ref('int_cloud_security__account_activity_windows') }}
-- depends_on: {{ ref('int_cloud_security__principal_operation_windows') }}
-- depends_on: {{ ref('int_cloud_security__peer_operation_windows') }}
-- depends_on: {{ ref('int_cloud_security__principal_network_windows') }}
-- depends_on: {{ ref('int_cloud_security__principal_country_windows') }}
-- depends_on: {{ ref('int_cloud_security__principal_agent_windows') }}
{{ landed_days(
    sources=[('cloudtrail', 'cloudtrail__events'), ('signin', 'signin__attempts'), ('vpc', 'vpc__flows')],
    streams={
        'calls': ref('cloud_security__stream_calls'),
        'findings': ref('cloud_security__stream_findings'),
        'signins': ref('cloud_security__stream_signins'),
    },
    parameters=window_fingerprints('cloud_security')
) }}

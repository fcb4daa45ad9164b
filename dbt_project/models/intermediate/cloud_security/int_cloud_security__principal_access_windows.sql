{{ config(materialized='incremental', unique_key='filed_on', on_schema_change='sync_all_columns') }}
{{ windowed('cloud_security__principal_access', decisions='calls', streams=['calls', 'findings', 'signins']) }}

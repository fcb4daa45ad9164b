{{ config(materialized='incremental', unique_key='filed_on', on_schema_change='sync_all_columns') }}
{{ windowed(
    'logistics_abuse__address_sharing', decisions='concessions', streams=['concessions', 'handovers', 'redirects', 'returns', 'verdicts']
) }}

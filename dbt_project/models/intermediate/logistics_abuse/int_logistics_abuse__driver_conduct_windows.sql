{{ config(materialized='incremental', unique_key='filed_on', on_schema_change='sync_all_columns') }}
{{ windowed(
    'logistics_abuse__driver_conduct', decisions='concessions', streams=['concessions', 'handovers', 'verdicts']
) }}

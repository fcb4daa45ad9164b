{{ config(materialized='incremental', unique_key='filed_on', on_schema_change='sync_all_columns') }}
{{ windowed(
    'logistics_abuse__customer_claims', decisions='concessions', streams=['concessions', 'contacts', 'handovers', 'orders', 'redirects', 'returns', 'verdicts']
) }}

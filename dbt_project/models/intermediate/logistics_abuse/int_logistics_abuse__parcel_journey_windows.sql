{{ config(materialized='incremental', unique_key='filed_on', on_schema_change='sync_all_columns') }}
{{ windowed(
    'logistics_abuse__parcel_journey', decisions='concessions', streams=['concessions', 'contacts', 'handovers', 'movements', 'orders', 'packings', 'redirects', 'returns', 'weighings']
) }}

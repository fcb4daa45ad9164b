{{ config(materialized='incremental', unique_key='filed_on', on_schema_change='sync_all_columns') }}
{{ windowed(
    'customer_trust__customer_access', decisions='payments', streams=['bindings', 'fraud_verdicts', 'logins', 'payments']
) }}

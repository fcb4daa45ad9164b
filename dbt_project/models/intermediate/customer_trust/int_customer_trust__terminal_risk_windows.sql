{{ config(materialized='incremental', unique_key='filed_on', on_schema_change='sync_all_columns') }}
{{ windowed(
    'customer_trust__terminal_risk', decisions='payments', streams=['fraud_runs', 'fraud_verdicts', 'payments']
) }}

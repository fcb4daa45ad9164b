{{ config(materialized='incremental', unique_key='filed_on', on_schema_change='sync_all_columns') }}
{{ windowed('refund_abuse__customer_history', decisions='requests', streams=['requests', 'findings']) }}

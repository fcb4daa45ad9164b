{{ config(materialized='incremental', unique_key='filed_on', on_schema_change='sync_all_columns') }}
{{ windowed('vendor_disputes__order_state', decisions='invoice_lines', streams=['invoice_lines', 'order_lines', 'receipts', 'returns']) }}

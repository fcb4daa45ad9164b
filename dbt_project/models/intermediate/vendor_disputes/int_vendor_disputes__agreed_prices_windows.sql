{{ config(materialized='incremental', unique_key='filed_on', on_schema_change='sync_all_columns') }}
{{ windowed('vendor_disputes__agreed_prices', decisions='invoice_lines', streams=['agreements', 'invoice_lines', 'verdicts']) }}

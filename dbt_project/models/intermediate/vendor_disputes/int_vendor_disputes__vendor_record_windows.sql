{{ config(materialized='incremental', unique_key='filed_on', on_schema_change='sync_all_columns') }}
{{ windowed('vendor_disputes__vendor_record', decisions='invoice_lines', streams=['deductions', 'disputes', 'invoice_lines', 'verdicts']) }}

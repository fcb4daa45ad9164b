with

source as (
    {{ first_accepted(landed('payables', 'payables__resolutions'), key=['resolution_id'], tie_breakers=['invoice_line_id', 'is_wrong']) }}
),

renamed as (
    select
        resolution_id,
        dispute_id,
        invoice_line_id,
        vendor_id,
        is_wrong,
        outcome,
        allowed_amount,
        currency,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

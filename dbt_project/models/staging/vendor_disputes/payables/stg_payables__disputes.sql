with

source as (
    {{ first_accepted(landed('payables', 'payables__disputes'), key=['dispute_id'], tie_breakers=['invoice_line_id', 'claimed_amount']) }}
),

renamed as (
    select
        dispute_id,
        invoice_line_id,
        deduction_id,
        vendor_id,
        raised_by,
        reason,
        claimed_amount,
        currency,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

with

source as (
    {{ first_accepted(landed('payables', 'payables__deductions'), key=['deduction_id'], tie_breakers=['amount']) }}
),

renamed as (
    select
        deduction_id,
        invoice_line_id,
        return_id,
        vendor_id,
        reason,
        amount,
        currency,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

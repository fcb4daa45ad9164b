with

source as (
    {{ first_accepted(landed('payables', 'payables__payments'), key=['payment_id'], tie_breakers=['invoice_line_id', 'amount']) }}
),

renamed as (
    select
        payment_id,
        invoice_line_id,
        vendor_id,
        amount,
        currency,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

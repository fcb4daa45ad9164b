with

source as (
    {{ first_accepted(landed('payments', 'payments__chargebacks'), key=['chargeback_id'], tie_breakers=['transaction_id', 'is_fraud']) }}
),

renamed as (
    select
        chargeback_id,
        transaction_id,
        is_fraud,
        reason_code,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

with

source as (
    {{ first_accepted(landed('refunds', 'refunds__requests'), key=['request_id'], tie_breakers=['customer_id', 'amount']) }}
),

renamed as (
    select
        request_id,
        customer_id,
        reason,
        amount,
        cast(ordered_at as timestamp) as ordered_at,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

with

source as (
    {{ first_accepted(landed('refunds', 'refunds__findings'), key=['finding_id'], tie_breakers=['request_id', 'is_abuse']) }}
),

renamed as (
    select
        finding_id,
        request_id,
        customer_id,
        is_abuse,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

with

source as (
    {{ first_accepted(landed('accounts', 'accounts__devices'), key=['device_id', 'customer_id']) }}
),

renamed as (
    select
        device_id,
        customer_id,
        kind,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

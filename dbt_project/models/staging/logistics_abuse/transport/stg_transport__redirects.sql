with

source as (
    {{ first_accepted(landed('transport', 'transport__redirects'), key=['redirect_id'], tie_breakers=['parcel_id', 'address_id']) }}
),

renamed as (
    select
        redirect_id,
        parcel_id,
        customer_id,
        address_id,
        device_id,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

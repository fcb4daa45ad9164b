with

source as (
    {{ first_accepted(landed('warehouse', 'warehouse__returns'), key=['return_id'], tie_breakers=['parcel_id', 'received_g']) }}
),

renamed as (
    select
        return_id,
        parcel_id,
        site_id,
        associate_id,
        disposition,
        expected_g,
        received_g,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

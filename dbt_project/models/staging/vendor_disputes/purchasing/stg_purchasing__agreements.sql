with

source as (
    {{ first_accepted(landed('purchasing', 'purchasing__agreements'), key=['agreement_id', 'observed_at'], tie_breakers=['unit_price']) }}
),

renamed as (
    select
        agreement_id,
        vendor_id,
        vendor_item_id,
        item_id,
        unit,
        unit_price,
        currency,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

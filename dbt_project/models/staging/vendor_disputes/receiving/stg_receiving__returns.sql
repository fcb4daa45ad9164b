with

source as (
    {{ first_accepted(landed('receiving', 'receiving__returns'), key=['return_id'], tie_breakers=['order_line_id', 'quantity']) }}
),

renamed as (
    select
        return_id,
        order_line_id,
        vendor_id,
        item_id,
        quantity,
        unit,
        reason,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

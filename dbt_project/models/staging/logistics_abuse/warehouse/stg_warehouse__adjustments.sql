with

source as (
    {{ first_accepted(landed('warehouse', 'warehouse__adjustments'), key=['adjustment_id'], tie_breakers=['associate_id', 'quantity']) }}
),

renamed as (
    select
        adjustment_id,
        site_id,
        shift,
        associate_id,
        reason,
        quantity,
        goods_value,
        currency,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

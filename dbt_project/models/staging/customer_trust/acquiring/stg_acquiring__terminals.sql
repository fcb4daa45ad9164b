with

source as (
    {{ first_accepted(landed('acquiring', 'acquiring__terminals'), key=['terminal_id', 'observed_at']) }}
),

renamed as (
    select
        terminal_id,
        merchant_id,
        category,
        country,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

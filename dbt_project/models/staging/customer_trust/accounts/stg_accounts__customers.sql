with

source as (
    {{ first_accepted(landed('accounts', 'accounts__customers'), key=['customer_id', 'observed_at']) }}
),

renamed as (
    select
        customer_id,
        segment,
        home_country,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

with

source as (
    {{ first_accepted(landed('service', 'service__contacts'), key=['contact_id'], tie_breakers=['customer_id']) }}
),

renamed as (
    select
        contact_id,
        customer_id,
        parcel_id,
        agent_id,
        device_id,
        channel,
        topic,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

with

source as (
    {{ first_accepted(landed('transport', 'transport__error_declarations'), key=['event_id'], tie_breakers=['reason']) }}
),

renamed as (
    select
        event_id,
        reason,
        corrective_event_id,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

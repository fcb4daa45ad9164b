with

source as (
    {{ first_accepted(landed('service', 'service__investigations'), key=['finding_id'], tie_breakers=['concession_id', 'is_abuse']) }}
),

renamed as (
    select
        finding_id,
        concession_id,
        is_abuse,
        party,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

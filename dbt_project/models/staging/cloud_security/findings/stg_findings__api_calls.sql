{#- The names of OCSF 1.3, class 2004 (Detection Finding). -#}
with

source as (
    {{ first_accepted(landed('findings', 'findings__api_calls'), key=['finding_id'], tie_breakers=['event_id', 'is_confirmed']) }}
),

renamed as (
    select
        finding_id as finding_info_uid,
        2004 as class_uid,
        event_id as evidence_uid,
        is_confirmed,
        technique as attack_technique_uid,
        tactic as attack_tactic_name,
        cast(effective_at as timestamp) as effective_at,
        cast(observed_at as timestamp) as observed_at,
        {{ epoch_us('observed_at') }} as observed_us
    from source
)

select * from renamed

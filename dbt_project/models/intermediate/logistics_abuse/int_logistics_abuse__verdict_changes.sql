{#-
  From statements to changes: +1 when abuse is found behind a concession, -1 when that is withdrawn, both at the time of
  the concession and known when the statement was. So the sum over any window of concessions counts the findings that stand.
-#}
{{ config(materialized='table') }}

with

statements as (
    select
        findings.concession_id,
        concessions.customer_id,
        concessions.address_id,
        concessions.device_id,
        concessions.agent_id,
        concessions.driver_id,
        concessions.associate_id,
        {{ epoch_us('concessions.effective_at') }} as effective_us,
        findings.is_abuse,
        findings.effective_at as stated_at,
        -- a statement that overtakes its concession counts once the concession is known
        greatest(findings.observed_us, concessions.observed_us) as observed_us
    from {{ ref('stg_service__investigations') }} as findings
    inner join {{ ref('stg_service__concessions') }} as concessions
        on findings.concession_id = concessions.concession_id
),

changes as (
    {{ label_changes(
        'statements',
        key='concession_id',
        label='is_abuse',
        columns=['customer_id', 'address_id', 'device_id', 'agent_id', 'driver_id', 'associate_id'],
    ) }}
)

select * from changes

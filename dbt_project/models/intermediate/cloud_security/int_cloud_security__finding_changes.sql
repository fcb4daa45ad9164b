{#-
  From statements to changes: +1 when a call becomes a confirmed finding, -1 when that is taken back, both at the time of the
  call and known when the statement was. So the sum over any window of calls counts the findings that stand.
-#}
{{ config(materialized='table') }}

with

statements as (
    select
        findings.evidence_uid as event_id,
        calls.actor_user_uid as principal_id,
        calls.src_endpoint_subnet as source_network,
        {{ epoch_us('calls.effective_at') }} as effective_us,
        findings.is_confirmed,
        findings.effective_at as stated_at,
        -- a statement that overtakes its call counts once the call is known
        greatest(findings.observed_us, calls.observed_us) as observed_us
    from {{ ref('stg_findings__api_calls') }} as findings
    inner join {{ ref('stg_cloudtrail__events') }} as calls
        on findings.evidence_uid = calls.metadata_uid
),

changes as (
    {{ label_changes('statements', key='event_id', label='is_confirmed', columns=['principal_id', 'source_network']) }}
)

select * from changes

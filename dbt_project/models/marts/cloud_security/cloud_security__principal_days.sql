{#-
  A principal's day by what reached us on it, against its own 28 days before and against its peers of these days. Only
  days that are over by the build's `as_of` are there.
-#}
with

days as (
    select
        principal_id,
        max(peer_group) as peer_group,
        observed_day,
        count(*) as calls,
        count(distinct service) as services,
        count(distinct operation) as operations,
        count(distinct resource) as resources,
        count(distinct network) as networks,
        count(distinct country) as countries,
        count(distinct agent) as agents,
        count(distinct account) as accounts,
        count(distinct region) as regions,
        sum(is_error) as errors,
        sum(is_write) as writes,
        sum(is_data_read) as data_reads,
        sum(is_decrypt) as decrypts,
        cast(coalesce(sum(bytes_out), 0) as double) as bytes_out,
        avg(is_error) as error_share,
        avg(is_at_night) as night_share,
        avg(is_without_mfa) as without_mfa_share
    from {{ ref('int_cloud_security__principal_calls') }}
    where (observed_day + 1) * {{ span_us('1d') }} <= {{ as_of_us() }}
    group by principal_id, observed_day
),

attempts as (
    select
        user_uid as principal_id,
        {{ quotient('observed_us', span_us('1d')) }} as observed_day,
        sum(case when status_id = 2 then 1 else 0 end) as failures,
        count(distinct src_endpoint_subnet) as networks
    from {{ ref('stg_signin__attempts') }}
    group by 1, 2
),

windows as (
    select
        *,
        count(*) over own as days_28d,
        {%- for name in ['calls', 'data_reads', 'decrypts', 'bytes_out', 'resources', 'night_share', 'error_share'] %}
        avg({{ name }}) over own as own_{{ name }},
        {%- endfor %}
        {%- for name in ['calls', 'operations', 'data_reads', 'resources', 'errors'] %}
        avg({{ name }}) over peers as peers_{{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from days
    window
        own as (partition by principal_id order by observed_day range between 28 preceding and 1 preceding),
        peers as (partition by peer_group order by observed_day range between 28 preceding and current row)
)

select
    windows.principal_id,
    {{ from_epoch_us('(windows.observed_day + 1) * ' ~ span_us('1d')) }} as decision_at,
    windows.peer_group,
    windows.days_28d,
    windows.calls,
    windows.services,
    windows.operations,
    windows.resources,
    windows.networks,
    windows.countries,
    windows.agents,
    windows.accounts,
    windows.regions,
    cast(windows.errors as bigint) as errors,
    windows.error_share,
    cast(windows.writes as bigint) as writes,
    cast(windows.data_reads as bigint) as data_reads,
    cast(windows.decrypts as bigint) as decrypts,
    windows.bytes_out,
    windows.night_share,
    windows.without_mfa_share,
    cast(coalesce(attempts.failures, 0) as bigint) as signin_failures,
    coalesce(attempts.networks, 0) as signin_networks,
    -- to somebody without history everything is new
    {%- for name in ['new_operations', 'new_networks', 'new_countries', 'new_agents'] %}
    case when windows.days_28d > 0 then novelty.{{ name }} end as {{ name }},
    {%- endfor %}
    novelty.new_operations_for_peers,
    {%- for name in ['calls', 'data_reads', 'decrypts', 'bytes_out', 'resources'] %}
    (windows.{{ name }} + 1e0) / (windows.own_{{ name }} + 1e0) as {{ name }}_to_usual,
    {%- endfor %}
    windows.night_share - windows.own_night_share as night_share_change,
    windows.error_share - windows.own_error_share as error_share_change,
    {%- for name in ['calls', 'operations', 'data_reads', 'resources', 'errors'] %}
    (windows.{{ name }} + 1e0) / (windows.peers_{{ name }} + 1e0) as {{ name }}_to_peers{{ ',' if not loop.last }}
    {%- endfor %}
from windows
inner join {{ ref('int_cloud_security__principal_novelty') }} as novelty
    on windows.principal_id = novelty.principal_id and windows.observed_day = novelty.observed_day
left join attempts
    on windows.principal_id = attempts.principal_id and windows.observed_day = attempts.observed_day

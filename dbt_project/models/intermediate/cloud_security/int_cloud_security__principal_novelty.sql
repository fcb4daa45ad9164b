{#-
  How many APIs, networks, countries and programs of a principal's day are new: not seen of it in the 28 days before. An API
  that is new to the peer group was called by nobody of it in these days.
-#}
{%- set kinds = {'operation': 'new_operations', 'network': 'new_networks', 'country': 'new_countries', 'agent': 'new_agents'} -%}
with

used as (
    {%- for kind in kinds %}
    select distinct principal_id, peer_group, observed_day, '{{ kind }}' as kind, {{ kind }} as what
    from {{ ref('int_cloud_security__principal_calls') }}
    where {{ kind }} is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

used_before as (
    select
        *,
        lag(observed_day) over (partition by principal_id, kind, what order by observed_day) as own_day
    from (select distinct principal_id, observed_day, kind, what from used) as own_days
),

peers_days as (
    select
        peer_group,
        observed_day,
        what,
        lag(observed_day) over (partition by peer_group, what order by observed_day) as peers_day
    from (select distinct peer_group, observed_day, what from used where kind = 'operation') as group_days
),

new_to_peers as (
    select used.principal_id, used.observed_day, count(distinct used.what) as operations
    from used
    inner join peers_days
        on used.peer_group = peers_days.peer_group
        and used.observed_day = peers_days.observed_day
        and used.what = peers_days.what
    where used.kind = 'operation' and coalesce(used.observed_day - peers_days.peers_day > 28, true)
    group by used.principal_id, used.observed_day
),

new_to_principal as (
    select
        principal_id,
        observed_day
        {%- for kind, name in kinds.items() %},
        count(case when kind = '{{ kind }}' and coalesce(observed_day - own_day > 28, true) then 1 end) as {{ name }}
        {%- endfor %}
    from used_before
    group by principal_id, observed_day
)

select
    new_to_principal.*,
    coalesce(new_to_peers.operations, 0) as new_operations_for_peers
from new_to_principal
left join new_to_peers
    on new_to_principal.principal_id = new_to_peers.principal_id
    and new_to_principal.observed_day = new_to_peers.observed_day

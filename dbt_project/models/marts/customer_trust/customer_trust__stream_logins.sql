select
    logins.login_id as event_id,
    logins.customer_id,
    cast(case when logins.is_successful then 0 else 1 end as bigint) as is_failed,
    {{ epoch_us('logins.effective_at') }} as effective_us,
    coalesce(entries.entered_us, logins.observed_us) as observed_us
from {{ ref('stg_accounts__logins') }} as logins
left join ({{ entries('logins') }}) as entries
    on logins.login_id = entries.event_id

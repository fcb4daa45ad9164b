select
    login_id as event_id,
    customer_id,
    cast(case when is_successful then 0 else 1 end as bigint) as is_failed,
    {{ epoch_us('effective_at') }} as effective_us,
    observed_us
from {{ ref('stg_accounts__logins') }}

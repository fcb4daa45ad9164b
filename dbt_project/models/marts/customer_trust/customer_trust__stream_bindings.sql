select
    concat(device_id, '/', customer_id) as event_id,
    customer_id,
    device_id,
    {{ epoch_us('effective_at') }} as effective_us,
    observed_us
from {{ ref('stg_accounts__devices') }}

select
    requests.request_id as event_id,
    requests.customer_id,
    cast(requests.amount * 100 as bigint) as amount,
    {{ epoch_us('requests.effective_at') }} as effective_us,
    coalesce(entries.entered_us, requests.observed_us) as observed_us
from {{ ref('stg_refunds__requests') }} as requests
left join ({{ entries('requests') }}) as entries
    on requests.request_id = entries.event_id

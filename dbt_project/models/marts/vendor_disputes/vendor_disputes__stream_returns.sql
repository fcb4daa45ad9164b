select
    returned.return_id as event_id,
    returned.vendor_id,
    returned.order_line_id,
    cast(returned.quantity * 1000 as bigint) as quantity,
    {{ epoch_us('returned.effective_at') }} as effective_us,
    coalesce(entries.entered_us, returned.observed_us) as observed_us
from {{ ref('stg_receiving__returns') }} as returned
left join ({{ entries('returns') }}) as entries
    on returned.return_id = entries.event_id

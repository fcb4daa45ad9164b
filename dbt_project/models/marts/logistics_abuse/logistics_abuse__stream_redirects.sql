select
    redirects.redirect_id as event_id,
    redirects.parcel_id,
    redirects.customer_id,
    redirects.address_id,
    redirects.device_id,
    {{ epoch_us('redirects.effective_at') }} as effective_us,
    coalesce(entries.entered_us, redirects.observed_us) as observed_us
from {{ ref('stg_transport__redirects') }} as redirects
left join ({{ entries('redirects') }}) as entries
    on redirects.redirect_id = entries.event_id

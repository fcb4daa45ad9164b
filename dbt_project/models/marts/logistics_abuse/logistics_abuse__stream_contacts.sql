select
    contacts.contact_id as event_id,
    contacts.parcel_id,
    contacts.customer_id,
    contacts.agent_id,
    contacts.device_id,
    {{ epoch_us('contacts.effective_at') }} as effective_us,
    coalesce(entries.entered_us, contacts.observed_us) as observed_us
from {{ ref('stg_service__contacts') }} as contacts
left join ({{ entries('contacts') }}) as entries
    on contacts.contact_id = entries.event_id

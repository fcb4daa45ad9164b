with

bindings as (
    select
        concat(device_id, '/', customer_id) as event_id,
        customer_id,
        device_id,
        {{ epoch_us('effective_at') }} as effective_us,
        observed_us
    from {{ ref('stg_accounts__devices') }}
)

select
    bindings.event_id,
    bindings.customer_id,
    bindings.device_id,
    bindings.effective_us,
    coalesce(entries.entered_us, bindings.observed_us) as observed_us
from bindings
left join ({{ entries('bindings') }}) as entries
    on bindings.event_id = entries.event_id

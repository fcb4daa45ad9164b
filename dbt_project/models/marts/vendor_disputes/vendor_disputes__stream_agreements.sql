select
    concat(agreements.agreement_id, '/', cast(agreements.observed_us as {{ dbt.type_string() }})) as event_id,
    agreements.vendor_id,
    agreements.vendor_item_id,
    cast(agreements.unit_price * 10000 as bigint) as unit_price,
    {{ epoch_us('agreements.effective_at') }} as effective_us,
    coalesce(entries.entered_us, agreements.observed_us) as observed_us
from {{ ref('stg_purchasing__agreements') }} as agreements
left join ({{ entries('agreements') }}) as entries
    on concat(agreements.agreement_id, '/', cast(agreements.observed_us as {{ dbt.type_string() }})) = entries.event_id

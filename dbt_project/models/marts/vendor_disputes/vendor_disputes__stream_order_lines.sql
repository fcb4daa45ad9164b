select
    concat(versions.order_line_id, '/', cast(versions.observed_us as {{ dbt.type_string() }})) as event_id,
    versions.vendor_id,
    versions.order_line_id,
    versions.vendor_item_id,
    cast(versions.quantity * 1000 as bigint) as quantity,
    cast(round(versions.unit_price / coalesce(versions.price_basis, 1) * 10000) as bigint) as unit_price,
    cast(versions.tax_rate * 10000 as bigint) as tax_rate,
    {{ epoch_us('versions.effective_at') }} as effective_us,
    coalesce(entries.entered_us, versions.observed_us) as observed_us
from {{ ref('stg_purchasing__order_lines') }} as versions
left join ({{ entries('order_lines') }}) as entries
    on concat(versions.order_line_id, '/', cast(versions.observed_us as {{ dbt.type_string() }})) = entries.event_id

select
    receipts.receipt_line_id as event_id,
    receipts.vendor_id,
    receipts.order_line_id,
    cast(receipts.quantity * 1000 as bigint) as quantity,
    cast(receipts.shipped_quantity * 1000 as bigint) as shipped,
    {{ epoch_us('receipts.effective_at') }} as effective_us,
    coalesce(entries.entered_us, receipts.observed_us) as observed_us
from {{ ref('stg_receiving__receipts') }} as receipts
left join ({{ entries('receipts') }}) as entries
    on receipts.receipt_line_id = entries.event_id

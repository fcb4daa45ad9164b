select
    lines.invoice_line_id as event_id,
    lines.vendor_id,
    lines.buyer_id,
    lines.order_line_id,
    lines.vendor_item_id,
    lines.invoice_id,
    cast(lines.ledger_amount * 100 as bigint) as ledger_amount,
    cast(lines.amount * 100 as bigint) as amount,
    cast(lines.quantity * 1000 as bigint) as quantity,
    cast(lines.unit_price * 10000 as bigint) as unit_price,
    {{ epoch_us('lines.effective_at') }} as effective_us,
    coalesce(entries.entered_us, lines.observed_us) as observed_us
from {{ ref('stg_payables__invoice_lines') }} as lines
left join ({{ entries('invoice_lines') }}) as entries
    on lines.invoice_line_id = entries.event_id

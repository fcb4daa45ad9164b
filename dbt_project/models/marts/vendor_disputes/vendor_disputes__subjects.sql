select
    lines.invoice_line_id,
    lines.invoice_id,
    lines.invoice_number,
    lines.vendor_id,
    lines.buyer_id,
    lines.order_line_id,
    lines.item_id,
    lines.vendor_item_id,
    lines.quantity,
    lines.unit,
    lines.unit_price,
    lines.amount,
    lines.tax_amount,
    lines.tax_rate,
    lines.currency,
    lines.ledger_amount,
    lines.terms_days,
    lines.effective_at,
    lines.observed_at,
    {{ from_epoch_us('stream.observed_us') }} as decision_at
from {{ ref('stg_payables__invoice_lines') }} as lines
inner join {{ ref('vendor_disputes__stream_invoice_lines') }} as stream
    on lines.invoice_line_id = stream.event_id

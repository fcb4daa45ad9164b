{#-
  Which receipt bears which billed line, and with how many: both are laid end to end in the order in which they were
  observed, and bear each other where they overlap. Only lines that are compared with receipts take part.
-#}

with

received as (
    select
        receipt_line_id,
        order_line_id,
        observed_us,
        quantity,
        sum(quantity) over (
            partition by order_line_id order by observed_us, receipt_line_id
            rows between unbounded preceding and current row
        ) as received_until
    from {{ ref('stg_receiving__receipts') }}
    where observed_us < {{ as_of_us() }} and order_line_id is not null
),

billed as (
    select
        invoice_line_id,
        order_line_id,
        billed_before as billed_from,
        billed_before + billed_quantity as billed_until
    from {{ ref('int_vendor_disputes__current_matches') }}
    where state not in ('credit', 'duplicate', 'no_order', 'currency_differs', 'not_comparable')
),

overlapping as (
    select
        received.receipt_line_id,
        billed.invoice_line_id,
        billed.order_line_id,
        least(received.received_until, billed.billed_until)
        - greatest(received.received_until - received.quantity, billed.billed_from) as quantity
    from received
    inner join billed on received.order_line_id = billed.order_line_id
    where received.received_until > billed.billed_from
        and received.received_until - received.quantity < billed.billed_until
)

select
    receipt_line_id,
    invoice_line_id,
    order_line_id,
    cast(quantity as decimal(18, 3)) as quantity
from overlapping

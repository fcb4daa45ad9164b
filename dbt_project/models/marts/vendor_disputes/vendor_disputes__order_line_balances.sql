with

ordered as (
    select
        order_line_id,
        quantity,
        row_number() over (partition by order_line_id order by observed_us desc) as age
    from {{ ref('stg_purchasing__order_lines') }}
    where observed_us < {{ as_of_us() }}
),

quantities as (
    select order_line_id, quantity as ordered, null as received, null as returned, null as billed, null as unit
    from ordered
    where age = 1
    union all
    select order_line_id, null, quantity, null, null, unit
    from {{ ref('stg_receiving__receipts') }}
    where order_line_id is not null and observed_us < {{ as_of_us() }}
    union all
    select order_line_id, null, null, quantity, null, null
    from {{ ref('stg_receiving__returns') }}
    where observed_us < {{ as_of_us() }}
    union all
    select order_line_id, null, null, null, quantity, unit
    from {{ ref('stg_payables__invoice_lines') }}
    where order_line_id is not null and amount >= 0 and observed_us < {{ as_of_us() }}
),

summed as (
    select
        order_line_id,
        max(ordered) as ordered_quantity,
        coalesce(sum(received), 0) as received_quantity,
        coalesce(sum(returned), 0) as returned_quantity,
        coalesce(sum(billed), 0) as billed_quantity,
        count(received) as receipts,
        count(billed) as billed_lines,
        coalesce(min(unit) <> max(unit), false) as has_several_units
    from quantities
    group by order_line_id
)

select
    order_line_id,
    cast(ordered_quantity as decimal(18, 3)) as ordered_quantity,
    cast(received_quantity as decimal(18, 3)) as received_quantity,
    cast(returned_quantity as decimal(18, 3)) as returned_quantity,
    cast(billed_quantity as decimal(18, 3)) as billed_quantity,
    receipts,
    billed_lines,
    case
        when billed_lines = 0 and receipts = 0 then 'open'
        when billed_lines = 0 then 'not_billed'
        when receipts = 0 then 'not_received'
        when has_several_units then 'not_comparable'
        when billed_quantity > received_quantity - returned_quantity then 'billed_more'
        when billed_quantity < received_quantity - returned_quantity then 'billed_less'
        else 'balanced'
    end as quantity_state
from summed

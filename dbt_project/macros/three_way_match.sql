{#-
  The three-way match: each billed line against what was ordered and what was received of its order line.

  A line is matched at `matched_us`, with what was observed strictly before it: at its own arrival, which never changes
  afterwards, or at the build's `as_of`. Receipts and billed lines of an order line are many to many. What is received
  covers what is billed in the order in which it was billed, so a line is covered by what is received less what was billed
  before it, and no unit is paid for twice.

  Every line gets exactly one state, the first that fits:

    credit             the amount is below zero: taken as it is
    duplicate          the same line under the same invoice number again; or under another, with nothing left to cover it
    no_order           it names no order line, or one nobody knew of
    currency_differs   billed in another currency than ordered
    not_comparable     no quantity, or another unit than ordered
    awaiting_receipt   nothing that was received is left for it
    over_received, over_ordered   more is billed than was received, or ordered
    price_and_quantity            that, and the price is above the agreed one
    price, tax         the price, or the tax, is above the agreed one
    within_tolerance   one of these differs, within the limits
    matched            nothing does

  and its amount with tax is divided, to the cent, into what is payable, short-paid and held.

  Args (names of CTEs or relations):
    lines: invoice_line_id, vendor_id, order_line_id, invoice_number, quantity, unit, unit_price, amount, tax_amount,
      tax_rate, currency, observed_us, matched_us.
    order_lines: versions: order_line_id, quantity, unit, unit_price, price_basis, tax_rate, currency, observed_us.
    receipts, returns: order_line_id, quantity, observed_us.
    tolerances: check_name, currency, percent, amount. A difference within both limits is let pass.
-#}
{% macro three_way_match(lines, order_lines, receipts, returns, tolerances) -%}
  with

  versions as (
    select
      order_line_id,
      quantity,
      unit,
      case
        when price_basis is null or price_basis = 1 then unit_price
        else cast(unit_price / price_basis as decimal(24, 6))
      end as agreed_price,
      tax_rate,
      currency,
      observed_us,
      row_number() over (partition by order_line_id order by observed_us) as version
    from {{ order_lines }}
  ),

  {{ match_known(lines, 'versions', receipts, returns) }},

  {{ match_billed(lines) }},

  {{ match_limits(lines, tolerances) }},

  {{ match_compared() }},

  {{ match_judged() }},

  {{ match_priced() }}

  select
    invoice_line_id,
    vendor_id,
    order_line_id,
    currency,
    state,
    quantity as billed_quantity,
    ordered_quantity,
    accepted_quantity,
    billed_before,
    case when is_held or state = 'duplicate' then 0 else quantity - uncovered end as payable_quantity,
    agreed_price,
    billed_amount,
    payable_amount,
    case when is_held then 0 else billed_amount - payable_amount end as short_paid_amount,
    case when is_held then billed_amount else 0 end as held_amount,
    matched_us,
    observed_us
  from priced
{%- endmacro %}


{#- What was known of each line's order line when it is matched: by one pass over everything in order of time. -#}
{% macro match_known(lines, versions, receipts, returns) -%}
  happenings as (
    select order_line_id, observed_us as t, 1 as version, null as received, null as returned, null as invoice_line_id
    from {{ versions }}
    union all
    select order_line_id, observed_us, null, quantity, null, null
    from {{ receipts }}
    where order_line_id is not null
    union all
    select order_line_id, observed_us, null, null, quantity, null
    from {{ returns }}
    union all
    select order_line_id, matched_us, null, null, null, invoice_line_id
    from {{ lines }}
    where order_line_id is not null
  ),

  so_far as (
    select
      invoice_line_id,
      count(version) over earlier as version,
      coalesce(sum(received) over earlier, 0) - coalesce(sum(returned) over earlier, 0) as accepted_quantity
    from happenings
    window earlier as (partition by order_line_id order by t range between unbounded preceding and 1 preceding)
  ),

  known as (
    select invoice_line_id, version, cast(greatest(accepted_quantity, 0) as decimal(18, 3)) as accepted_quantity
    from so_far
    where invoice_line_id is not null
  )
{%- endmacro %}


{#- What was billed before each line of its order line, and whether it was billed in the same words before. -#}
{% macro match_billed(lines) -%}
  content as (
    select
      *,
      row_number() over (
        partition by vendor_id, order_line_id, quantity, amount, currency order by observed_us, invoice_line_id
      ) > 1 as is_repeated,
      coalesce(
        observed_us > min(observed_us) over (
          partition by vendor_id, order_line_id, quantity, amount, currency, invoice_number
        ),
        false
      ) and invoice_number is not null as is_sent_again
    from {{ lines }}
  ),

  billed as (
    select
      *,
      cast(
        coalesce(
          sum(case when is_sent_again or amount < 0 or order_line_id is null then 0 else quantity end) over (
            partition by order_line_id order by observed_us, invoice_line_id
            rows between unbounded preceding and 1 preceding
          ),
          0
        ) as decimal(18, 3)
      ) as billed_before
    from content
  )
{%- endmacro %}


{#- The limits of each currency that is billed: its own, else those for all. -#}
{% macro match_limits(lines, tolerances) -%}
  {%- set checks = ['price', 'quantity_ordered', 'quantity_received', 'tax'] -%}
  currencies as (
    select distinct coalesce(currency, '') as currency
    from {{ lines }}
  ),

  chosen as (
    select
      currencies.currency,
      tolerances.check_name,
      tolerances.percent,
      tolerances.amount,
      row_number() over (
        partition by currencies.currency, tolerances.check_name
        order by case when tolerances.currency is null then 1 else 0 end
      ) as choice
    from currencies
    inner join {{ tolerances }} as tolerances
      on tolerances.currency is null or tolerances.currency = currencies.currency
  ),

  limits as (
    select
      currency
      {%- for check in checks %},
      coalesce(max(case when check_name = '{{ check }}' then percent end), 999999999) as {{ check }}_percent,
      coalesce(max(case when check_name = '{{ check }}' then amount end), 999999999999) as {{ check }}_limit,
      max(case when check_name = '{{ check }}' then 1 else 0 end) = 1 as has_{{ check }}
      {%- endfor %}
    from chosen
    where choice = 1
    group by currency
  )
{%- endmacro %}


{#- Each line beside its order line, and by how much it is above it. -#}
{% macro match_compared() -%}
  beside as (
    select
      billed.*,
      coalesce(known.version, 0) > 0 as has_order,
      versions.quantity as ordered_quantity,
      versions.unit as ordered_unit,
      versions.currency as ordered_currency,
      versions.tax_rate as agreed_tax_rate,
      versions.agreed_price,
      coalesce(known.accepted_quantity, 0) as accepted_quantity,
      greatest(
        least(billed.billed_before + billed.quantity - coalesce(known.accepted_quantity, 0), billed.quantity), 0
      ) as over_received,
      -- `least` and `greatest` pass over what is null, so what is not known is said apart
      case
        when versions.quantity is null then 0
        else greatest(least(billed.billed_before + billed.quantity - versions.quantity, billed.quantity), 0)
      end as over_ordered,
      greatest(billed.unit_price - versions.agreed_price, 0) as over_price,
      coalesce(
        billed.unit_price, cast(billed.amount / nullif(billed.quantity, 0) as decimal(24, 6))
      ) as price
    from billed
    left join known on billed.invoice_line_id = known.invoice_line_id
    left join versions on billed.order_line_id = versions.order_line_id and known.version = versions.version
  ),

  compared as (
    select
      beside.*,
      {{ within_limits('over_received', 'accepted_quantity', 'coalesce(price, 0)', 'quantity_received') }} as is_received,
      {{ within_limits('over_ordered', 'ordered_quantity', 'coalesce(price, 0)', 'quantity_ordered') }} as is_ordered,
      {{ within_limits('over_price', 'agreed_price', 'quantity', 'price') }} as is_price_agreed,
      limits.tax_percent,
      limits.tax_limit
    from beside
    inner join limits on coalesce(beside.currency, '') = limits.currency
  )
{%- endmacro %}

{#- Whether a difference is none, unknown, or within both limits; without a limit for it none is let pass. -#}
{% macro within_limits(difference, base, value, check) -%}
  coalesce(
    {{ difference }} = 0
    or (
      limits.has_{{ check }}
      and {{ difference }} * 100 <= {{ base }} * limits.{{ check }}_percent
      and {{ difference }} * {{ value }} <= limits.{{ check }}_limit
    ),
    true
  )
{%- endmacro %}


{#- What is not covered of each line, what it should cost, and how much of it that comes to. -#}
{% macro match_judged() -%}
  covered as (
    select
      *,
      greatest(
        case when is_received then 0 else over_received end,
        case when is_ordered then 0 else over_ordered end
      ) as uncovered,
      is_sent_again or (is_repeated and has_order and not is_received) as is_duplicate
    from compared
  ),

  judged as (
    select
      *,
      case
        when amount < 0 then 'credit'
        when is_duplicate then 'duplicate'
        when not has_order then 'no_order'
        when currency <> ordered_currency then 'currency_differs'
        when quantity is null or unit <> ordered_unit then 'not_comparable'
        when not is_received and over_received >= quantity then 'awaiting_receipt'
        when uncovered > 0 and not is_price_agreed then 'price_and_quantity'
        when not is_received and over_received >= over_ordered then 'over_received'
        when uncovered > 0 then 'over_ordered'
        when not is_price_agreed then 'price'
      end as difference,
      case
        when amount < 0 then amount
        when uncovered = 0 and is_price_agreed then amount
        else least(
          amount,
          cast(
            round((quantity - uncovered) * (case when is_price_agreed then price else agreed_price end), 2)
            as decimal(18, 2)
          )
        )
      end as payable_net
    from covered
  ),

  taxed as (
    select
      *,
      amount + coalesce(tax_amount, 0) as billed_amount,
      cast(round(payable_net * coalesce(agreed_tax_rate, tax_rate) / 100, 2) as decimal(18, 2)) as tax_due
    from judged
  )
{%- endmacro %}


{#- The state and the amount that is payable, tax included. -#}
{% macro match_priced() -%}
  stated as (
    select
      *,
      coalesce(
        tax_amount <= tax_due
        or (tax_amount - tax_due <= tax_limit and (tax_amount - tax_due) * 100 <= tax_due * tax_percent),
        true
      ) as is_tax_agreed
    from taxed
  ),

  priced as (
    select
      *,
      case
        when difference is not null then difference
        when not is_tax_agreed then 'tax'
        when over_received > 0 or over_ordered > 0 or over_price > 0 or tax_amount > tax_due then 'within_tolerance'
        else 'matched'
      end as state,
      coalesce(
        difference in ('no_order', 'currency_differs', 'not_comparable', 'awaiting_receipt'), false
      ) as is_held,
      case
        when difference = 'credit' then billed_amount
        when difference in ('duplicate', 'no_order', 'currency_differs', 'not_comparable', 'awaiting_receipt') then 0
        when difference is null and is_tax_agreed then billed_amount
        else payable_net + least(coalesce(tax_amount, 0), coalesce(tax_due, tax_amount, 0))
      end as payable_amount
    from stated
  )
{%- endmacro %}

{#-
  How claims of the same side fared lately, with the same vendor and with the same buyer, when each dispute was recorded: by
  one pass over disputes and resolutions in order of time. A resolution counts from when both it and its dispute were known.
-#}
{{ config(materialized='table') }}

with

disputes as (
    select
        disputes.dispute_id,
        disputes.vendor_id,
        billed.buyer_id,
        disputes.raised_by,
        disputes.observed_us
    from {{ ref('stg_payables__disputes') }} as disputes
    left join {{ ref('stg_payables__invoice_lines') }} as billed
        on disputes.invoice_line_id = billed.invoice_line_id and billed.observed_us < disputes.observed_us
    where disputes.observed_us < {{ as_of_us() }}
),

happenings as (
    select
        dispute_id,
        vendor_id,
        buyer_id,
        raised_by,
        observed_us as t,
        1 as filed,
        0 as ended,
        0 as valid
    from disputes
    union all
    select
        null,
        disputes.vendor_id,
        disputes.buyer_id,
        disputes.raised_by,
        greatest(resolutions.observed_us, disputes.observed_us),
        0,
        1,
        case when resolutions.outcome = 'denied' then 0 else 1 end
    from disputes
    inner join {{ ref('stg_payables__resolutions') }} as resolutions
        on disputes.dispute_id = resolutions.dispute_id
    where resolutions.observed_us < {{ as_of_us() }}
),

counted as (
    select
        dispute_id,
        buyer_id,
        coalesce(sum(filed) over of_vendor, 0) as vendor_filed,
        coalesce(sum(ended) over of_vendor, 0) as vendor_ended,
        coalesce(sum(valid) over of_vendor, 0) as vendor_valid,
        coalesce(sum(ended) over of_buyer, 0) as buyer_ended,
        coalesce(sum(valid) over of_buyer, 0) as buyer_valid
    from happenings
    window
        of_vendor as (
            partition by vendor_id, raised_by order by t
            range between {{ span_us('90d') }} preceding and 1 preceding
        ),
        of_buyer as (
            partition by buyer_id, raised_by order by t
            range between {{ span_us('90d') }} preceding and 1 preceding
        )
)

select
    dispute_id,
    cast(vendor_filed as bigint) as vendor_filed,
    cast(vendor_ended as bigint) as vendor_ended,
    cast(vendor_valid as bigint) as vendor_valid,
    -- nobody answers for a line without a buyer
    case when buyer_id is not null then cast(buyer_ended as bigint) else 0 end as buyer_ended,
    case when buyer_id is not null then cast(buyer_valid as bigint) else 0 end as buyer_valid
from counted
where dispute_id is not null

select
    disputes.dispute_id as event_id,
    disputes.vendor_id,
    cast(case when disputes.raised_by = 'buyer' then 1 else 0 end as bigint) as is_ours,
    {{ epoch_us('disputes.effective_at') }} as effective_us,
    coalesce(entries.entered_us, disputes.observed_us) as observed_us
from {{ ref('stg_payables__disputes') }} as disputes
left join ({{ entries('disputes') }}) as entries
    on disputes.dispute_id = entries.event_id

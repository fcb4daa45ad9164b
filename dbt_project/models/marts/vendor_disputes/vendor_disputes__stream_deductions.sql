select
    deductions.deduction_id as event_id,
    deductions.vendor_id,
    cast(deductions.amount * 100 as bigint) as amount,
    {{ epoch_us('deductions.effective_at') }} as effective_us,
    coalesce(entries.entered_us, deductions.observed_us) as observed_us
from {{ ref('stg_payables__deductions') }} as deductions
left join ({{ entries('deductions') }}) as entries
    on deductions.deduction_id = entries.event_id

select
    tenant,
    period,
    facility_id,
    facility_name,
    lines,
    co2e_mg,
    co2e_market_mg,
    total_sha256
from {{ source('recorded', 'totals') }}

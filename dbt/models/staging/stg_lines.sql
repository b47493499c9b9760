select
    tenant,
    period,
    facility_id,
    activity_id,
    scope,
    activity,
    region,
    factor_id,
    gwp_set,
    licence,
    co2e_mg,
    coalesce(co2e_market_mg, co2e_mg) as co2e_market_mg,
    line_sha256
from {{ source('recorded', 'lines') }}

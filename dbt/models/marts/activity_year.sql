-- One row per activity, factor and period: which factor carries how much of the result.
select
    period,
    scope,
    activity,
    factor_id,
    gwp_set,
    count(*) as lines,
    {{ tonnes("sum(co2e_mg)") }} as location_tco2e,
    {{ tonnes("sum(co2e_market_mg)") }} as market_tco2e
from {{ ref('stg_lines') }}
group by period, scope, activity, factor_id, gwp_set

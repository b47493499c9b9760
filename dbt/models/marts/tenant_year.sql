-- One row per tenant and period: scope 1, both scope 2 figures, and their sums.
select
    tenant,
    period,
    count(distinct facility_id) as facilities,
    count(*) as lines,
    {{ tonnes("sum(case when scope = '1' then co2e_mg else 0 end)") }} as scope_1_tco2e,
    {{ tonnes("sum(case when scope = '2' then co2e_mg else 0 end)") }} as scope_2_location_tco2e,
    {{ tonnes("sum(case when scope = '2' then co2e_market_mg else 0 end)") }} as scope_2_market_tco2e,
    {{ tonnes("sum(co2e_mg)") }} as total_location_tco2e,
    {{ tonnes("sum(co2e_market_mg)") }} as total_market_tco2e,
    string_agg(distinct gwp_set, ' ' order by gwp_set) as gwp_set,
    string_agg(distinct licence, ' | ' order by licence) as licence
from {{ ref('stg_lines') }}
group by tenant, period

{{ config(meta={"mart": "facility_year"}) }}
-- Each facility's total is the sum of its lines, as integers of milligrams: nothing lost, nothing twice.
select totals.facility_id, totals.period, totals.co2e_mg, lines.co2e_mg as lines_mg
from {{ ref('stg_totals') }} as totals
left join (
    select facility_id, period, sum(co2e_mg) as co2e_mg, sum(co2e_market_mg) as co2e_market_mg
    from {{ ref('stg_lines') }}
    group by facility_id, period
) as lines
    on totals.facility_id = lines.facility_id and totals.period = lines.period
where totals.co2e_mg is distinct from lines.co2e_mg
    or totals.co2e_market_mg is distinct from lines.co2e_market_mg

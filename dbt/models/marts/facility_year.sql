-- One row per facility and period, our figure beside the one that its city reported.
select
    totals.tenant,
    totals.period,
    totals.facility_id,
    totals.facility_name,
    totals.lines,
    {{ tonnes("totals.co2e_mg") }} as location_tco2e,
    {{ tonnes("totals.co2e_market_mg") }} as market_tco2e,
    reported.reported_tco2e,
    case
        when reported.reported_tco2e > 0
        then round({{ tonnes("totals.co2e_mg") }} / reported.reported_tco2e - 1, 6)
    end as relative_difference,
    totals.total_sha256 as provenance_hash
from {{ ref('stg_totals') }} as totals
left join {{ ref('stg_reported') }} as reported
    on totals.facility_id = reported.facility_id and totals.period = reported.period

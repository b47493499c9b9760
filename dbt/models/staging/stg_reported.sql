select tenant, period, facility_id, reported_tco2e
from {{ source('recorded', 'reported') }}

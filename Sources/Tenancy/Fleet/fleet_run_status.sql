-- How far a fleet run is: a row a family. A job that is dead or cancelled makes its family failed, whatever was noted.
-- Inputs:  $1 the run's id. Returns: a row each, by slug; no row: an empty run, or none.
SELECT m.family_id, f.slug, m.job_id, m.from_version, m.to_version,
       CASE WHEN m.status = 'succeeded' THEN 'succeeded'
            WHEN j.state IN ('dead', 'cancelled') THEN 'failed'
            ELSE m.status END AS status,
       CASE WHEN m.status = 'deferred' AND j.state NOT IN ('dead', 'cancelled') THEN m.note
            WHEN m.status <> 'succeeded' THEN COALESCE(j.error ->> 'message', m.note) END AS note
FROM fleet_run_families m
JOIN families f ON f.id = m.family_id
LEFT JOIN jobs j ON j.id = m.job_id
WHERE m.run_id = $1
ORDER BY f.slug

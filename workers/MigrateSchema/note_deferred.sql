-- Notes in a fleet run why a family has to wait. Inputs: $1 run, $2 family, $3 reason. Returns nothing.
UPDATE fleet_run_families SET status = 'deferred', note = $3
WHERE run_id = $1 AND family_id = $2 AND status <> 'succeeded'

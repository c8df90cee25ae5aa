-- Records a step of a running attempt. $1 uuid job  $2 bigint epoch  $3 name  $4 jsonb result  $5 uuid session
-- Returns a row, or none when the attempt is no longer the job's (fenced).
INSERT INTO job_steps (job_id, name, result, epoch)
SELECT j.id, $3, $4::jsonb, j.epoch FROM jobs j
WHERE j.id = $1::uuid AND j.epoch = $2::bigint AND j.session_id = $5::uuid
ON CONFLICT (job_id, name) DO UPDATE SET result = EXCLUDED.result, epoch = EXCLUDED.epoch
RETURNING job_id

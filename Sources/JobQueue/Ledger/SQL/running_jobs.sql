-- What the ledger holds for running under a session, for the session to compare with what it really runs.
-- $1 uuid session.  Returns id, epoch, running_ms.
SELECT j.id, j.epoch, (extract(epoch FROM clock_timestamp() - j.started_at) * 1000)::bigint AS running_ms
FROM job_claims c JOIN jobs j ON j.id = ANY (c.job_ids)
WHERE c.session_id = $1::uuid AND j.session_id = c.session_id AND j.state = 'running'

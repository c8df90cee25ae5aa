-- Settles attempts that succeeded: the ordinary case, one HOT update a job.
--
-- $1 uuid[]  ids      $2 bigint[]  their epochs      $3 jsonb[]  their results      $4 uuid  the session
-- Returns the ids settled; one that is missing was fenced: another attempt has the job.
-- The arrays are subqueries for the planner's sake: it takes them for short then, and looks each id up. Knowing how
-- long they are it would read a table of some ten thousand jobs whole, five times as slow.
UPDATE jobs j
   SET state = 'succeeded', session_id = NULL, result = i.result, settled_at = clock_timestamp()
  FROM unnest((SELECT $1::uuid[]), (SELECT $2::bigint[]), (SELECT $3::jsonb[])) AS i (id, epoch, result)
 WHERE j.id = i.id AND j.epoch = i.epoch AND j.session_id = $4::uuid
RETURNING j.id

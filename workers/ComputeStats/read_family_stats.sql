-- A family's figures, read in its own database as the application's role.
-- Inputs:  $1 the day (NULL: today in UTC).
-- Returns: one row; last_activity_at is an RFC 3339 text in UTC, NULL when nothing has happened yet.
SELECT d.day::text AS day,
       (SELECT count(*) FROM users u WHERE u.left_at IS NULL) AS member_count,
       (SELECT count(*) FROM daily_activity a WHERE a.day = d.day) AS active_users,
       (SELECT count(*) FROM assignments a
        WHERE a.completed_at >= d.day::timestamp AT TIME ZONE 'UTC'
          AND a.completed_at < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
          AND a.status IN ('completed', 'verified')) AS chores_completed,
       pg_database_size(current_database()) AS storage_bytes,
       to_char(GREATEST((SELECT max(l.occurred_at) FROM activity_log l), (SELECT max(u.last_seen_at) FROM users u))
               AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS last_activity_at
FROM (SELECT COALESCE($1::date, (clock_timestamp() AT TIME ZONE 'UTC')::date) AS day) d

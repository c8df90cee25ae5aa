-- A family's figures of a day: cached in its row, kept by day, and under the seed's metric names.
-- Inputs:  $1 family, $2 day, $3 members, $4 active users, $5 chores completed, $6 storage in bytes,
--          $7 last activity (NULL: none). Returns: one row, or none: there is no such family.
-- Locks:   the family's row. The cached figures are of the latest day only: a day done again leaves them as they are.
WITH known AS (
    UPDATE families f
    SET member_count = CASE WHEN n.newest THEN $3::integer ELSE f.member_count END,
        storage_used_mb = CASE WHEN n.newest THEN ceil($6::bigint / 1048576.0)::integer ELSE f.storage_used_mb END,
        last_activity_at = GREATEST(f.last_activity_at, $7::timestamptz),
        stats_computed_at = clock_timestamp()
    FROM (SELECT NOT EXISTS (SELECT FROM family_usage_metrics m
                             WHERE m.family_id = $1::uuid AND m.metric_date > $2::date) AS newest) n
    WHERE f.id = $1::uuid AND f.deleted_at IS NULL
    RETURNING f.id
), used AS (
    INSERT INTO family_usage_metrics
        (family_id, metric_date, storage_bytes, member_count, active_users, chores_completed)
    SELECT k.id, $2::date, $6::bigint, $3::integer, $4::integer, $5::integer FROM known k
    ON CONFLICT (family_id, metric_date) DO UPDATE
        SET storage_bytes = excluded.storage_bytes, member_count = excluded.member_count,
            active_users = excluded.active_users, chores_completed = excluded.chores_completed,
            sampled_at = excluded.sampled_at
), charted AS (
    INSERT INTO platform_analytics AS a (metric_date, metric_name, metric_value, family_id)
    SELECT $2::date, m.name, m.value, k.id
    FROM known k
    CROSS JOIN (VALUES ('active_users_daily', $4::numeric), ('chores_completed_daily', $5::numeric),
                       ('storage_used_gb', round($6::numeric / 1073741824, 6))) AS m (name, value)
    ON CONFLICT ON CONSTRAINT platform_analytics_once DO UPDATE
        SET metric_value = excluded.metric_value, updated_at = clock_timestamp()
)
SELECT id FROM known

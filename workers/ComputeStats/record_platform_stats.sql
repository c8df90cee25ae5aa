-- The platform's figures of a day, under the seed's metric names; total_families also by plan.
--   total_families           families that can be used: trial or active
--   revenue_mrr              a month's income in dollars from subscriptions that pay or are about to
--   active_users_daily, chores_completed_daily, storage_used_gb   sums over the families' figures of that day
-- Inputs:  $1 the day (NULL: today in UTC). Returns: a row for each metric without a segment: day, metric_name,
--          metric_value. The rows of the day are replaced.
WITH d AS (
    SELECT COALESCE($1::date, (clock_timestamp() AT TIME ZONE 'UTC')::date) AS day
), figures AS (
    SELECT 'total_families' AS name, NULL::text AS plan, count(*)::numeric AS value
    FROM families f WHERE f.deleted_at IS NULL AND f.status IN ('trial', 'active')
    UNION ALL
    SELECT 'total_families', p.name, count(f.id)
    FROM plans p LEFT JOIN families f
        ON f.plan = p.name AND f.deleted_at IS NULL AND f.status IN ('trial', 'active')
    GROUP BY p.name
    UNION ALL
    SELECT 'revenue_mrr', NULL, COALESCE(sum(s.amount_cents), 0) / 100.0
    FROM subscriptions s WHERE s.status IN ('active', 'past_due') AND s.currency = 'USD'
    UNION ALL
    SELECT m.name, NULL, m.value
    FROM (SELECT COALESCE(sum(u.active_users), 0) AS users, COALESCE(sum(u.chores_completed), 0) AS chores,
                 round(COALESCE(sum(u.storage_bytes), 0) / 1073741824.0, 6) AS gigabytes
          FROM family_usage_metrics u, d WHERE u.metric_date = d.day) t
    CROSS JOIN LATERAL (VALUES ('active_users_daily', t.users::numeric), ('chores_completed_daily', t.chores::numeric),
                               ('storage_used_gb', t.gigabytes)) AS m (name, value)
), charted AS (
    INSERT INTO platform_analytics AS a (metric_date, metric_name, metric_value, plan)
    SELECT d.day, f.name, f.value, f.plan FROM figures f, d
    ON CONFLICT ON CONSTRAINT platform_analytics_once DO UPDATE
        SET metric_value = excluded.metric_value, updated_at = clock_timestamp()
    RETURNING a.metric_date, a.metric_name, a.metric_value, a.plan
)
SELECT metric_date::text AS day, metric_name, metric_value FROM charted WHERE plan IS NULL ORDER BY metric_name

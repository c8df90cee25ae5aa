-- Families that are not deleted, by any of: id, slug, status; in the order of their slugs, a page at a time.
-- Inputs:  $1 id, $2 slug, $3 status (each NULL: any), $4 the slug after which the page begins (NULL: the first),
--          $5 how many at most.
-- Returns: a row each; times are RFC 3339 texts in UTC.
SELECT f.id, f.slug, f.name, f.status, f.plan, f.server_id, f.db_host, f.db_port, f.db_name, f.db_user,
       f.schema_version, f.member_count, f.storage_used_mb, k.job_id AS provision_job_id,
       to_char(f.trial_ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS trial_ends_at,
       to_char(f.subscription_ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS subscription_ends_at,
       to_char(f.last_activity_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS last_activity_at,
       to_char(f.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
       to_char(f.provisioned_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS provisioned_at
FROM families f
LEFT JOIN job_idempotency_keys k
    ON k.family_id = '00000000-0000-0000-0000-000000000000' AND k.kind = 'family.provision'
    AND k.key = 'sign-up:' || f.id
WHERE f.deleted_at IS NULL
  AND ($1::uuid IS NULL OR f.id = $1)
  AND ($2::text IS NULL OR f.slug = $2)
  AND ($3::text IS NULL OR f.status = $3)
  AND ($4::text IS NULL OR f.slug > $4)
ORDER BY f.slug
LIMIT $5

-- Makes a family's billing columns, and its status, say what its subscription says; audits what changed.
-- Inputs:  $1 family   $2 the subscription's status (NULL: it has none)   $3 the one before   $4 granted plan or NULL
--          $5 customer id or NULL   $6 Stripe's subscription id or NULL   $7 when the subscription ends, or NULL
--          $8 when its trial ends, or NULL   $9 the job
--          Times are seconds since 1970.
-- Returns: old_status, new_status; no row for a deleted family, which is left alone.
--
-- The status is left alone while the family is being provisioned (then begin_as_subscribed sees to it), while it has no
-- whole route, and when the subscription means the same as before: what an operator suspended, a renewal does not
-- bring back.
WITH old AS (
    SELECT f.* FROM families f WHERE f.id = $1::uuid AND f.deleted_at IS NULL
), wanted AS (
    SELECT old.id,
           CASE WHEN old.status = 'provisioning'
                  OR num_nulls(old.db_host, old.db_port, old.db_name, old.db_user, old.db_password_encrypted,
                               old.schema_version) > 0
                  OR family_status_of($2::text) = family_status_of($3::text)
                THEN old.status ELSE family_status_of($2::text) END AS status,
           COALESCE($4::text, old.plan) AS plan,
           COALESCE($5::text, old.stripe_customer_id) AS stripe_customer_id,
           COALESCE($6::text, old.stripe_subscription_id) AS stripe_subscription_id,
           to_timestamp($7::bigint) AS subscription_ends_at,
           COALESCE(to_timestamp($8::bigint), old.trial_ends_at) AS trial_ends_at
    FROM old
), changed AS (
    UPDATE families f
    SET status = w.status, plan = w.plan, stripe_customer_id = w.stripe_customer_id,
        stripe_subscription_id = w.stripe_subscription_id, subscription_ends_at = w.subscription_ends_at,
        trial_ends_at = w.trial_ends_at
    FROM wanted w
    WHERE f.id = w.id
      AND (f.status, f.plan, f.stripe_customer_id, f.stripe_subscription_id, f.subscription_ends_at, f.trial_ends_at)
          IS DISTINCT FROM (w.status, w.plan, w.stripe_customer_id, w.stripe_subscription_id, w.subscription_ends_at,
                            w.trial_ends_at)
    RETURNING f.id
), audited AS (
    INSERT INTO audit_logs (family_id, job_id, action, resource_type, resource_id, changes)
    SELECT w.id, $9::uuid, 'billing.update', 'families', w.id,
           jsonb_build_object('status', jsonb_build_array(old.status, w.status),
                              'plan', jsonb_build_array(old.plan, w.plan))
    FROM changed JOIN wanted w USING (id) JOIN old USING (id)
    WHERE (old.status, old.plan) IS DISTINCT FROM (w.status, w.plan)
)
SELECT old.status AS old_status, w.status AS new_status FROM old JOIN wanted w USING (id)

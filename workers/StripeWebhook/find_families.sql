-- The families that some events name, or that name one of the events' customers or subscriptions.
-- Inputs:  $1 family ids, $2 slugs, $3 customer ids, $4 subscription ids
-- Returns: a row for each. A deleted one is found by its id alone: its slug may be another family's now.
SELECT f.id,
       CASE WHEN f.deleted_at IS NULL THEN f.slug END AS slug,
       CASE WHEN f.deleted_at IS NULL THEN f.stripe_customer_id END AS stripe_customer_id,
       CASE WHEN f.deleted_at IS NULL THEN f.stripe_subscription_id END AS stripe_subscription_id,
       s.status AS subscription_status
FROM families f
LEFT JOIN subscriptions s ON s.family_id = f.id AND s.stripe_subscription_id IS NOT NULL
WHERE f.id = ANY ($1::uuid[])
   OR (f.deleted_at IS NULL AND (f.slug = ANY ($2::text[])
       OR f.stripe_customer_id = ANY ($3::text[])
       OR f.stripe_subscription_id = ANY ($4::text[])))

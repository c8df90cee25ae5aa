-- Takes customers and subscriptions off the families that no longer have them, before the ones that do are written:
-- both columns are unique.
-- Inputs:  $1 customer ids and $2 whose each is; $3 subscription ids and $4 whose each is
WITH customer AS (SELECT * FROM unnest($1::text[], $2::uuid[]) AS c (id, family_id)),
     subscription AS (SELECT * FROM unnest($3::text[], $4::uuid[]) AS s (id, family_id))
UPDATE families f
SET stripe_customer_id = CASE WHEN EXISTS (
        SELECT FROM customer c WHERE c.id = f.stripe_customer_id AND c.family_id <> f.id)
        THEN NULL ELSE f.stripe_customer_id END,
    stripe_subscription_id = CASE WHEN EXISTS (
        SELECT FROM subscription s WHERE s.id = f.stripe_subscription_id AND s.family_id <> f.id)
        THEN NULL ELSE f.stripe_subscription_id END
WHERE f.deleted_at IS NULL
  AND (EXISTS (SELECT FROM customer c WHERE c.id = f.stripe_customer_id AND c.family_id <> f.id)
       OR EXISTS (SELECT FROM subscription s WHERE s.id = f.stripe_subscription_id AND s.family_id <> f.id))

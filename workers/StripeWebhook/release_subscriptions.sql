-- Removes the rows of subscriptions that are another family's now.
-- Inputs:  $1 subscription ids and $2 whose each is
DELETE FROM subscriptions s
USING unnest($1::text[], $2::uuid[]) AS owner (id, family_id)
WHERE s.stripe_subscription_id = owner.id AND s.family_id <> owner.family_id

-- The events that a BillingPicture may need, of some customers, subscriptions and families.
-- Inputs:  $1 customer ids, $2 subscription ids, $3 families as the shop writes them (ids and slugs, lower case)
--          $4 how many at most
-- Returns: their bodies. The types are a superset of those that StripeEvent.content reads; connected accounts' events,
--          whose ids are of another world, are left out.
SELECT payload::text AS payload
FROM stripe_webhook_events
WHERE (customer_id = ANY ($1::text[]) OR subscription_id = ANY ($2::text[]) OR family_reference = ANY ($3::text[]))
  AND account IS NULL
  AND (type LIKE 'customer.subscription.%' OR type LIKE 'checkout.session.%'
       OR type IN ('invoice.paid', 'invoice.payment_failed'))
LIMIT $4

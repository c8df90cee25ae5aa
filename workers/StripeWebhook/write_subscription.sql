-- Makes a family's row in `subscriptions` say what its events say.
-- Inputs:  $1 family   $2 plan (NULL: the family's)   $3 status   $4 Stripe's subscription id   $5 customer id
--          $6, $7 current period   $8 whether it ends with the period   $9 when it was cancelled   $10, $11 trial
--          $12 amount in cents   $13 currency   $14 the deciding event's time   $15 its id   $16 whether it is over
--          Times are seconds since 1970, or NULL.
INSERT INTO subscriptions AS s (
    family_id, plan, status, stripe_subscription_id, stripe_customer_id, current_period_start, current_period_end,
    cancel_at_period_end, cancelled_at, trial_start, trial_end, amount_cents, currency, last_event_created,
    last_event_id, ended)
SELECT f.id, COALESCE($2::text, f.plan), $3::text, $4::text, $5::text, to_timestamp($6::bigint),
       to_timestamp($7::bigint), $8::boolean, to_timestamp($9::bigint), to_timestamp($10::bigint),
       to_timestamp($11::bigint), $12::integer, $13::text, to_timestamp($14::bigint), $15::text, $16::boolean
FROM families f
WHERE f.id = $1::uuid
ON CONFLICT (family_id) DO UPDATE
SET (plan, status, stripe_subscription_id, stripe_customer_id, current_period_start, current_period_end,
     cancel_at_period_end, cancelled_at, trial_start, trial_end, amount_cents, currency, last_event_created,
     last_event_id, ended)
  = (EXCLUDED.plan, EXCLUDED.status, EXCLUDED.stripe_subscription_id, EXCLUDED.stripe_customer_id,
     EXCLUDED.current_period_start, EXCLUDED.current_period_end, EXCLUDED.cancel_at_period_end, EXCLUDED.cancelled_at,
     EXCLUDED.trial_start, EXCLUDED.trial_end, EXCLUDED.amount_cents, EXCLUDED.currency, EXCLUDED.last_event_created,
     EXCLUDED.last_event_id, EXCLUDED.ended)

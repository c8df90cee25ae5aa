-- Takes Stripe's door away; the stored events stay.
DROP TRIGGER begin_as_subscribed ON families;
DROP FUNCTION begin_as_subscribed();
DROP FUNCTION family_status_of(text);
DROP FUNCTION receive_stripe_event(text, text, text, text, boolean, text, text, bigint, jsonb);
DROP INDEX stripe_webhook_events_reference, stripe_webhook_events_subscription;
ALTER TABLE stripe_webhook_events DROP COLUMN family_reference, DROP COLUMN subscription_id;

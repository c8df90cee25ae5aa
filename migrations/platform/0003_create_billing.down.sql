-- Takes the subscriptions and the stored webhooks away.
DROP TABLE stripe_webhook_events, subscriptions;

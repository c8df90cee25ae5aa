-- What families pay, and the events of Stripe that say so.
--
-- From seed 000, mended: status, plan and currency have CHECKs; the index on family_id repeated its UNIQUE. Statuses
-- are the seed's words (`cancelled`, where Stripe spells `canceled`), and all of Stripe's are there.

CREATE TABLE subscriptions (
    id                      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    family_id               uuid NOT NULL UNIQUE REFERENCES families (id) ON DELETE CASCADE,
    plan                    text NOT NULL REFERENCES plans (name),
    status                  text NOT NULL CHECK (status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused',
                                'incomplete', 'incomplete_expired', 'cancelled')),
    stripe_subscription_id  text UNIQUE,
    stripe_customer_id      text,
    current_period_start    timestamptz,
    current_period_end      timestamptz,
    cancel_at_period_end    boolean NOT NULL DEFAULT false,
    cancelled_at            timestamptz,
    trial_start             timestamptz,
    trial_end               timestamptz,
    amount_cents            integer NOT NULL CHECK (amount_cents >= 0),       -- 1500 = $15.00
    currency                text NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$'),

    -- Which event the row reflects; `ended` is terminal for this stripe_subscription_id.
    last_event_created      timestamptz,
    last_event_id           text,
    ended                   boolean NOT NULL DEFAULT false,

    created_at              timestamptz NOT NULL DEFAULT now(),
    updated_at              timestamptz NOT NULL DEFAULT now(),
    CHECK (NOT ended OR status IN ('cancelled', 'incomplete_expired'))
);
CREATE INDEX subscriptions_status ON subscriptions (status);
CREATE INDEX subscriptions_customer ON subscriptions (stripe_customer_id) WHERE stripe_customer_id IS NOT NULL;
CREATE TRIGGER touch BEFORE UPDATE ON subscriptions
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();

-- Every verified webhook, once. The event id is Stripe's; a second delivery finds the row and changes nothing.
CREATE TABLE stripe_webhook_events (
    event_id       text PRIMARY KEY CHECK (length(event_id) BETWEEN 1 AND 255),
    type           text NOT NULL CHECK (length(type) BETWEEN 1 AND 255),
    api_version    text,
    livemode       boolean,
    account        text,
    object_id      text,
    customer_id    text,
    event_created  timestamptz NOT NULL,                  -- Stripe's clock, whole seconds
    payload        jsonb NOT NULL,                        -- the verified body
    job_id         uuid,
    received_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    processed_at   timestamptz,
    outcome        text CHECK (length(outcome) BETWEEN 1 AND 50),
    CHECK ((processed_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX stripe_webhook_events_customer ON stripe_webhook_events (customer_id, event_created);
CREATE INDEX stripe_webhook_events_object ON stripe_webhook_events (object_id, event_created);
CREATE INDEX stripe_webhook_events_waiting ON stripe_webhook_events (received_at) WHERE processed_at IS NULL;

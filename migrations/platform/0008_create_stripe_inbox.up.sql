-- The door for Stripe's events, and what the projection of them to families needs.

-- Found by these, an event's kin: all events of a subscription, and all that name a family. They are computed from the
-- payload, so that whatever inserts an event cannot forget them. `#>> '{…,id}'` is for objects that Stripe expanded;
-- since API version 2025-03-31 an invoice's subscription is under `parent`.
ALTER TABLE stripe_webhook_events
    ADD COLUMN subscription_id text GENERATED ALWAYS AS (
        CASE WHEN type LIKE 'customer.subscription.%' THEN payload #>> '{data,object,id}'
             ELSE COALESCE(payload #>> '{data,object,subscription,id}',
                           payload #>> '{data,object,subscription}',
                           payload #>> '{data,object,parent,subscription_details,subscription,id}',
                           payload #>> '{data,object,parent,subscription_details,subscription}')
        END) STORED,
    -- A family's id or slug, as the shop wrote it down; a claim, and no proof.
    ADD COLUMN family_reference text GENERATED ALWAYS AS (
        lower(left(COALESCE(payload #>> '{data,object,metadata,family_id}',
                            payload #>> '{data,object,client_reference_id}',
                            payload #>> '{data,object,parent,subscription_details,metadata,family_id}',
                            payload #>> '{data,object,subscription_details,metadata,family_id}'), 500))) STORED;
CREATE INDEX stripe_webhook_events_subscription ON stripe_webhook_events (subscription_id)
    WHERE subscription_id IS NOT NULL;
CREATE INDEX stripe_webhook_events_reference ON stripe_webhook_events (family_reference)
    WHERE family_reference IS NOT NULL;

-- receive_stripe_event: stores a verified event and enqueues its processing, in the caller's own transaction. The
-- caller's commit is what Stripe may be told 200 for.
--
-- Inputs:   event_id      Stripe's; a second delivery has the same
--           type, api_version, account, livemode, object_id, customer_id   as the event has them
--           created       seconds since 1970, by Stripe's clock
--           payload       the verified body
-- Returns:  true: the event is new, and a stripe.process_event job with it; false: it was here before, nothing changed.
-- Errors:   a CHECK of stripe_webhook_events (23514), or of enqueue (CW002): nothing is stored
-- Locks:    the event's id: of two deliveries at once the second waits for the first's commit, and then finds it.
CREATE FUNCTION receive_stripe_event(
    event_id text,
    type text,
    api_version text,
    account text,
    livemode boolean,
    object_id text,
    customer_id text,
    created bigint,
    payload jsonb
) RETURNS boolean LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    new_job uuid := uuid_v7();
BEGIN
    INSERT INTO stripe_webhook_events
            (event_id, type, api_version, account, livemode, object_id, customer_id, event_created, payload, job_id)
        VALUES (receive_stripe_event.event_id, receive_stripe_event.type, receive_stripe_event.api_version,
                receive_stripe_event.account, receive_stripe_event.livemode, receive_stripe_event.object_id,
                receive_stripe_event.customer_id, to_timestamp(receive_stripe_event.created),
                receive_stripe_event.payload, new_job)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM enqueue(
        'stripe.process_event',
        jsonb_strip_nulls(jsonb_build_object(
            'event_id', receive_stripe_event.event_id, 'customer', receive_stripe_event.customer_id)),
        idempotency_key => receive_stripe_event.event_id, queue => 'webhooks', id => new_job);
    RETURN true;
END
$$;

-- What a subscription's status makes of its family's. NULL: there is no subscription.
--
-- past_due: Stripe is still asking for the money; the family keeps its service until Stripe gives up (`unpaid`, or the
-- subscription's end). incomplete: nothing was ever paid, so nothing changed yet.
CREATE FUNCTION family_status_of(subscription_status text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE subscription_status
        WHEN 'active' THEN 'active'
        WHEN 'past_due' THEN 'active'
        WHEN 'unpaid' THEN 'suspended'
        WHEN 'paused' THEN 'suspended'
        WHEN 'cancelled' THEN 'cancelled'
        ELSE 'trial'            -- trialing, incomplete, incomplete_expired, none
    END
$$;

-- A family that paid while its database was being made begins as what its subscription says, not as a trial: the events
-- came when its status was not theirs to change, and no later one needs to come.
CREATE FUNCTION begin_as_subscribed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    paid subscriptions;
BEGIN
    SELECT * INTO paid FROM subscriptions s WHERE s.family_id = NEW.id AND s.stripe_subscription_id IS NOT NULL;
    IF FOUND THEN
        NEW.status := family_status_of(paid.status);
        NEW.trial_ends_at := COALESCE(paid.trial_end, NEW.trial_ends_at);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER begin_as_subscribed BEFORE UPDATE OF status ON families
    FOR EACH ROW WHEN (OLD.status = 'provisioning' AND NEW.status = 'trial') EXECUTE FUNCTION begin_as_subscribed();

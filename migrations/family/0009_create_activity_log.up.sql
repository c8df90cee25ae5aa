-- What happened here, and when last: the platform's statistics read it.

CREATE TABLE activity_log (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id        uuid REFERENCES users (id) ON DELETE SET NULL,      -- NULL: the house itself
    action         text NOT NULL CHECK (action ~ '^[a-z][a-z0-9_.]{0,63}$'),
    resource_type  text CHECK (length(resource_type) <= 50),
    resource_id    uuid,
    detail         jsonb,
    occurred_at    timestamptz NOT NULL DEFAULT now()
);

-- One row a day and member who did anything: makes "active users of a day" a count of a few rows.
CREATE TABLE daily_activity (
    day      date NOT NULL,
    user_id  uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    actions  integer NOT NULL DEFAULT 1 CHECK (actions > 0),
    PRIMARY KEY (day, user_id)
);
CREATE INDEX daily_activity_user ON daily_activity (user_id);

-- Counts an action in daily_activity. A day is UTC's, as the platform's figures are.
CREATE FUNCTION count_daily_activity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO daily_activity AS d (day, user_id) VALUES ((NEW.occurred_at AT TIME ZONE 'UTC')::date, NEW.user_id)
        ON CONFLICT (day, user_id) DO UPDATE SET actions = d.actions + 1;
    RETURN NULL;
END
$$;
CREATE TRIGGER count_daily_activity AFTER INSERT ON activity_log
    FOR EACH ROW WHEN (NEW.user_id IS NOT NULL) EXECUTE FUNCTION count_daily_activity();

-- Completing a chore is activity, whoever writes it.
CREATE FUNCTION log_assignment_activity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO activity_log (user_id, action, resource_type, resource_id)
        VALUES (NEW.assigned_to, 'assignment.' || NEW.status, 'assignments', NEW.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER log_activity AFTER UPDATE OF status ON assignments
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION log_assignment_activity();

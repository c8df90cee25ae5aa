-- What jobs did to this database. A job's effect and its row here commit together; when the job is run again after a
-- crash, the row is found and nothing is done twice. The worker runtime writes it, as the application's role.
CREATE TABLE job_inbox (
    job_id           uuid PRIMARY KEY,
    kind             text NOT NULL,
    idempotency_key  text,
    epoch            bigint NOT NULL CHECK (epoch >= 0),
    result           jsonb,
    done_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX job_inbox_done ON job_inbox (done_at);

-- Sets updated_at when a row really changes. One function for all tables.
CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

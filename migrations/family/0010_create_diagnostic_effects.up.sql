-- What `diagnostic.effect` writes. No unique constraint on job_id: it is there to show doubles, should there be any.
CREATE TABLE diagnostic_effects (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id      uuid NOT NULL,
    note        text,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX diagnostic_effects_job ON diagnostic_effects (job_id);

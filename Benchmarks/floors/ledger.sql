-- The ledger of postgres-drain: the columns that the promises of a durable job need, and nothing that a floor could do
-- without (no CHECK, no history, no retries). No index holds a column that a begin or a settlement changes, and pages
-- are half empty at first: every update is HOT.

CREATE TABLE worker_sessions (
    id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    beat_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at  timestamptz
) WITH (fillfactor = 50);

CREATE TABLE jobs (
    id            uuid PRIMARY KEY,
    seq           bigint GENERATED ALWAYS AS IDENTITY,
    kind          text NOT NULL,
    queue         text NOT NULL,
    family_id     uuid,
    payload       jsonb NOT NULL,
    max_attempts  integer NOT NULL,
    state         text NOT NULL DEFAULT 'available',
    attempt       integer NOT NULL DEFAULT 0,
    failures      integer NOT NULL DEFAULT 0,
    crashes       integer NOT NULL DEFAULT 0,
    epoch         bigint NOT NULL DEFAULT 0,
    session_id    uuid,
    enqueued_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at    timestamptz,
    settled_at    timestamptz
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX jobs_seq ON jobs (seq);

CREATE TABLE job_claims (
    session_id  uuid NOT NULL,
    number      bigint NOT NULL,
    job_ids     uuid[] NOT NULL,
    PRIMARY KEY (session_id, number)
);

CREATE TABLE job_dispatches (
    ticket  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id  uuid NOT NULL,
    due_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

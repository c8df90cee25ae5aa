-- The ledger: the durable truth of every durable job, and the sessions that work on them.
--
-- How it is laid out for speed: a job is updated twice in an ordinary life (begin, settle). No index holds a column
-- that these updates change, so both are HOT updates (a test holds that): about three times as fast as with an index on
-- `state`. What would have needed such an index lives in small tables beside it: job_dispatches (due or not yet in
-- Redis) and job_claims (running, by session).

CREATE TABLE queues (
    name        text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_.-]{0,63}$'),
    paused_at   timestamptz,
    version     bigint NOT NULL DEFAULT 0,      -- raised by each pause and resume: Redis takes no older word
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- What the workers that ever registered can do. Doors (HTTP, CLI, the Swift client) refuse kinds that are not here.
CREATE TABLE job_kinds (
    kind            text PRIMARY KEY CHECK (kind ~ '^[a-z][a-z0-9_.-]{0,63}$'),
    queue           text NOT NULL,
    durability      text NOT NULL DEFAULT 'durable' CHECK (durability IN ('durable', 'fast')),
    target          text NOT NULL DEFAULT 'platform' CHECK (target IN ('platform', 'family', 'either')),
    max_attempts    integer NOT NULL DEFAULT 10 CHECK (max_attempts BETWEEN 1 AND 1000),
    payload_schema  jsonb,                      -- JSON Schema of the payload; NULL: any JSON
    registered_at   timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE worker_sessions (
    id           uuid PRIMARY KEY,
    number       bigint GENERATED ALWAYS AS IDENTITY,   -- orders sessions; the epoch of their fast attempts
    worker_id    uuid NOT NULL,                 -- the process: the same for a session and those that follow it there
    host         text NOT NULL,
    pid          integer NOT NULL,
    version      text NOT NULL,
    queues       text[] NOT NULL,
    kinds        text[] NOT NULL,
    concurrency  integer NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    beat_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    is_quiet     boolean NOT NULL DEFAULT false,   -- told to claim nothing more; as of its last heartbeat
    ended_at     timestamptz,
    end_reason   text CHECK (end_reason IN ('stopped', 'died', 'expired'))
) WITH (fillfactor = 50);
CREATE INDEX worker_sessions_live ON worker_sessions (worker_id) WHERE ended_at IS NULL;

CREATE TABLE jobs (
    id               uuid PRIMARY KEY,
    seq              bigint GENERATED ALWAYS AS IDENTITY,     -- the order of enqueueing
    kind             text NOT NULL,
    queue            text NOT NULL,
    family_id        uuid,                                     -- NULL: the platform
    priority         smallint NOT NULL DEFAULT 1 CHECK (priority BETWEEN 0 AND 2),
    payload          jsonb NOT NULL,
    payload_version  smallint NOT NULL DEFAULT 1 CHECK (payload_version >= 1),
    idempotency_key  text,
    max_attempts     integer NOT NULL CHECK (max_attempts >= 1),
    state            text NOT NULL DEFAULT 'available' CHECK (state IN
                         ('scheduled', 'available', 'running', 'parked', 'succeeded', 'dead', 'cancelled')),
    attempt          integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    failures         integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    crashes          integer NOT NULL DEFAULT 0 CHECK (crashes >= 0),
    epoch            bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    session_id       uuid,                                     -- whose the running attempt is
    reason           text,                                     -- why it is parked or dead
    error            jsonb,                                    -- of the last failure
    progress         jsonb,
    result           jsonb,
    enqueued_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at           timestamptz,                              -- when scheduled
    started_at       timestamptz,                              -- of the last attempt
    settled_at       timestamptz,
    dead_at          timestamptz,
    CHECK ((state = 'running') = (session_id IS NOT NULL)),
    CHECK ((state = 'dead') = (dead_at IS NOT NULL))
) WITH (fillfactor = 30);
-- Room for a row's two later versions on its own page: without it a third of the updates are not HOT.
-- Columns of these indexes do not change while a job succeeds: updates stay HOT.
CREATE UNIQUE INDEX jobs_seq ON jobs (seq);
CREATE INDEX jobs_dead ON jobs (dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX jobs_family ON jobs (family_id, seq) WHERE family_id IS NOT NULL;

-- One row for each job that must be put into Redis at or after due_at: new ones, retries, probes of parked ones.
-- A ticket, not the job, is the key: a stale ticket does no harm, a missing one would.
CREATE TABLE job_dispatches (
    ticket            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id            uuid NOT NULL,
    seq               bigint NOT NULL,                         -- the job's
    due_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    parked_family_id  uuid,                                    -- whose readiness brings due_at forward
    parked_kind       text                                     -- unknown so far: a worker that has it does the same
);
CREATE INDEX job_dispatches_due ON job_dispatches (due_at);
CREATE INDEX job_dispatches_parked ON job_dispatches (parked_family_id) WHERE parked_family_id IS NOT NULL;
CREATE INDEX job_dispatches_kind ON job_dispatches (parked_kind) WHERE parked_kind IS NOT NULL;

-- What a session began, a row for each batch; gone when the whole batch is settled. It finds the running jobs of a
-- dead session without an index on a column that changes.
CREATE TABLE job_claims (
    session_id  uuid NOT NULL,
    number      bigint NOT NULL,
    job_ids     uuid[] NOT NULL,
    PRIMARY KEY (session_id, number)
);
-- Random ids do not compress: it is not to be tried.
ALTER TABLE job_claims ALTER COLUMN job_ids SET STORAGE EXTERNAL;

-- Attempts that did not end in an uneventful success (that one is the job's own row).
CREATE TABLE job_attempts (
    job_id      uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    epoch       bigint NOT NULL,
    attempt     integer NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN
                    ('succeeded', 'failed', 'snoozed', 'parked', 'crashed', 'given_back', 'cancelled')),
    session_id  uuid,
    started_at  timestamptz,
    ended_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    error       jsonb,
    PRIMARY KEY (job_id, epoch)
);

-- Named parts of a job that must not be redone after a crash.
CREATE TABLE job_steps (
    job_id        uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    result        jsonb,
    epoch         bigint NOT NULL,
    completed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job_id, name)
);

-- Effects of fast jobs on this database: a redelivery finds the row and does not run again. (A durable job's effect
-- here commits with its settlement and needs none; family databases have a table of the same name for both.)
CREATE TABLE job_inbox (
    job_id           uuid PRIMARY KEY,
    kind             text NOT NULL,
    idempotency_key  text,
    epoch            bigint NOT NULL,
    result           jsonb,
    done_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Asks a running job's session to stop it; read with the session's heartbeat.
CREATE TABLE job_cancellations (
    job_id        uuid PRIMARY KEY,
    session_id    uuid NOT NULL,
    requested_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX job_cancellations_session ON job_cancellations (session_id);

-- Idempotency keys outlive their jobs. family_id is the nil UUID for the platform, so that the key is always whole.
CREATE TABLE job_idempotency_keys (
    family_id       uuid NOT NULL,
    kind            text NOT NULL,
    key             text NOT NULL,
    job_id          uuid NOT NULL,
    payload_sha256  bytea NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (family_id, kind, key)
);

-- One row: what the reconciler remembers. Each job with seq <= settled_seq is terminal, or has a ticket, or is one of
-- the stragglers. (advance_watermark.sql says how that stays true.)
CREATE TABLE reconciliation (
    one                boolean PRIMARY KEY DEFAULT true CHECK (one),
    settled_seq        bigint NOT NULL DEFAULT 0,
    candidate_seq      bigint NOT NULL DEFAULT 0,   -- becomes settled_seq with the next pass
    redis_generation   bigint NOT NULL DEFAULT 0,
    reconciled_at      timestamptz
);
INSERT INTO reconciliation DEFAULT VALUES;

-- Jobs below the watermark that may still be open: one old job must not hold the mark back.
CREATE TABLE job_stragglers (
    job_id  uuid PRIMARY KEY
);

-- A version 7 UUID (RFC 9562): 48 bits of milliseconds, the rest random.
CREATE FUNCTION uuid_v7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(
        set_bit(
            set_bit(
                overlay(uuid_send(gen_random_uuid())
                        PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                        FROM 1 FOR 6),
                52, 1),
            53, 1),
        'hex')::uuid
$$;

-- enqueue: puts a durable job into the ledger, in the caller's own transaction; the caller's commit is the
-- acknowledgement. Any language can call it beside its own INSERTs:
--
--     SELECT job_id FROM enqueue('family.provision', '{"family_id": "…"}');
--
-- Inputs:   kind             the handler's name
--           payload          its arguments, a JSON value of at most 512 KiB as PostgreSQL writes it
--           family           the family whose database the job works on; NULL: the platform
--           idempotency_key  at most 255 bytes; scope (family, kind, key)
--           queue            NULL: the kind's own
--           due_at           NULL or past: now
--           priority         0 high, 1 normal, 2 low
--           id               NULL: minted here. A caller who mints it may send the same call again after a lost reply.
--           max_attempts     NULL: the kind's own
--           payload_version  of the payload's shape; a worker that knows only older ones parks the job
-- Returns:  one row: job_id; replayed (true: a job with this key, or id, and the same payload is there already).
-- Errors:   CW001 idempotency key reused with another payload   CW002 an input breaks a rule (HINT names the field)
-- Locks:    the row of its idempotency key. Two callers with one key: the second waits for the first's commit.
CREATE FUNCTION enqueue(
    kind text,
    payload jsonb DEFAULT '{}',
    family uuid DEFAULT NULL,
    idempotency_key text DEFAULT NULL,
    queue text DEFAULT NULL,
    due_at timestamptz DEFAULT NULL,
    priority integer DEFAULT 1,
    id uuid DEFAULT NULL,
    max_attempts integer DEFAULT NULL,
    payload_version integer DEFAULT 1
) RETURNS TABLE (job_id uuid, replayed boolean) LANGUAGE plpgsql ROWS 1 AS $$
#variable_conflict use_column
DECLARE
    new_id     uuid := COALESCE(enqueue.id, uuid_v7());
    new_queue  text := enqueue.queue;
    attempts   integer := enqueue.max_attempts;
    digest     bytea;
    known      record;
    new_seq    bigint;
    new_ticket bigint;
    told       integer := COALESCE(NULLIF(current_setting('chorewheel.told', true), ''), '0');
BEGIN
    IF enqueue.kind IS NULL OR enqueue.kind !~ '^[a-z][a-z0-9_.-]{0,63}$' THEN
        RAISE EXCEPTION 'kind must be 1 to 64 of a-z, 0-9, ''_'', ''-'', ''.'', and begin with a letter'
            USING ERRCODE = 'CW002', HINT = 'kind';
    END IF;
    IF enqueue.payload IS NULL THEN
        RAISE EXCEPTION 'payload must be a JSON value' USING ERRCODE = 'CW002', HINT = 'payload';
    END IF;
    -- The doors hold the text they receive to 256 KiB; PostgreSQL's own text of it has blanks added.
    IF octet_length(enqueue.payload::text) > 524288 THEN
        RAISE EXCEPTION 'payload must have at most 524288 bytes' USING ERRCODE = 'CW002', HINT = 'payload';
    END IF;
    IF enqueue.priority IS NULL OR enqueue.priority NOT BETWEEN 0 AND 2 THEN
        RAISE EXCEPTION 'priority must be 0, 1 or 2' USING ERRCODE = 'CW002', HINT = 'priority';
    END IF;
    IF attempts NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'max_attempts must be 1 to 1000' USING ERRCODE = 'CW002', HINT = 'max_attempts';
    END IF;
    IF new_queue IS NULL OR attempts IS NULL THEN
        SELECT COALESCE(new_queue, k.queue), COALESCE(attempts, k.max_attempts) INTO new_queue, attempts
            FROM job_kinds k WHERE k.kind = enqueue.kind;
    END IF;
    new_queue := COALESCE(new_queue, enqueue.queue, 'default');
    IF new_queue !~ '^[a-z][a-z0-9_.-]{0,63}$' THEN
        RAISE EXCEPTION 'queue must be 1 to 64 of a-z, 0-9, ''_'', ''-'', ''.'', and begin with a letter'
            USING ERRCODE = 'CW002', HINT = 'queue';
    END IF;

    IF enqueue.idempotency_key IS NOT NULL THEN
        IF octet_length(enqueue.idempotency_key) NOT BETWEEN 1 AND 255 THEN
            RAISE EXCEPTION 'idempotency_key must have 1 to 255 bytes'
                USING ERRCODE = 'CW002', HINT = 'idempotency_key';
        END IF;
        digest := sha256(convert_to(enqueue.payload::text, 'UTF8'));
        INSERT INTO job_idempotency_keys AS k (family_id, kind, key, job_id, payload_sha256)
            VALUES (COALESCE(enqueue.family, '00000000-0000-0000-0000-000000000000'), enqueue.kind,
                    enqueue.idempotency_key, new_id, digest)
            ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT k.job_id, k.payload_sha256 INTO STRICT known FROM job_idempotency_keys k
                WHERE k.family_id = COALESCE(enqueue.family, '00000000-0000-0000-0000-000000000000')
                  AND k.kind = enqueue.kind AND k.key = enqueue.idempotency_key;
            IF known.payload_sha256 <> digest THEN
                RAISE EXCEPTION 'idempotency_key was used before with another payload'
                    USING ERRCODE = 'CW001', HINT = 'idempotency_key', DETAIL = known.job_id::text;
            END IF;
            RETURN QUERY SELECT known.job_id, true;
            RETURN;
        END IF;
    END IF;

    INSERT INTO jobs (id, kind, queue, family_id, priority, payload, payload_version, idempotency_key, max_attempts,
                      state, due_at)
        VALUES (new_id, enqueue.kind, new_queue, enqueue.family, enqueue.priority, enqueue.payload,
                enqueue.payload_version, enqueue.idempotency_key, COALESCE(attempts, 10),
                CASE WHEN enqueue.due_at > clock_timestamp() THEN 'scheduled' ELSE 'available' END,
                CASE WHEN enqueue.due_at > clock_timestamp() THEN enqueue.due_at END)
        ON CONFLICT DO NOTHING RETURNING seq INTO new_seq;
    IF new_seq IS NULL THEN
        SELECT j.kind, j.family_id, j.payload INTO STRICT known FROM jobs j WHERE j.id = new_id;
        IF known.kind <> enqueue.kind OR known.family_id IS DISTINCT FROM enqueue.family
            OR known.payload <> enqueue.payload THEN
            RAISE EXCEPTION 'id was used before for another job' USING ERRCODE = 'CW001', HINT = 'id';
        END IF;
        RETURN QUERY SELECT new_id, true;
        RETURN;
    END IF;
    INSERT INTO job_dispatches (job_id, seq, due_at)
        VALUES (new_id, new_seq, GREATEST(COALESCE(enqueue.due_at, clock_timestamp()), clock_timestamp()))
        RETURNING ticket INTO new_ticket;
    -- Whoever listens is told all that dispatch needs, so that it need not ask; of a transaction's first few jobs only,
    -- since each text is kept until the commit and goes out on its own. The others are found by their tickets.
    IF told < 8 AND enqueue.due_at IS NULL THEN
        PERFORM set_config('chorewheel.told', (told + 1)::text, true);
        PERFORM pg_notify('chorewheel_dispatch',
            concat_ws(' ', new_ticket, new_id, new_seq, enqueue.priority, new_queue, enqueue.family));
    ELSE
        PERFORM pg_notify('chorewheel_dispatch', '');
    END IF;
    RETURN QUERY SELECT new_id, false;
END
$$;

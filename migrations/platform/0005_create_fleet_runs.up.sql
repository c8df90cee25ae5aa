-- One migration over many family databases: the run, and how far each family is.
--
-- A family's job writes succeeded or deferred here. A dead job writes nothing: whoever reads a run joins `jobs` by
-- job_id, so that the two cannot contradict each other.

CREATE TABLE fleet_runs (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    target_version  integer NOT NULL CHECK (target_version >= 0),
    started_by      text,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX fleet_runs_created ON fleet_runs (created_at DESC);

CREATE TABLE fleet_run_families (
    run_id        uuid NOT NULL REFERENCES fleet_runs (id) ON DELETE CASCADE,
    family_id     uuid NOT NULL REFERENCES families (id) ON DELETE CASCADE,
    job_id        uuid NOT NULL,
    status        text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'deferred', 'succeeded')),
    from_version  integer,
    to_version    integer,
    note          text,                                   -- why deferred
    finished_at   timestamptz,
    PRIMARY KEY (run_id, family_id),
    CHECK ((status = 'succeeded') = (finished_at IS NOT NULL))
);
CREATE INDEX fleet_run_families_family ON fleet_run_families (family_id);
CREATE INDEX fleet_run_families_job ON fleet_run_families (job_id);

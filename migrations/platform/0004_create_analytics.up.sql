-- Figures by day: the platform's and each family's.
--
-- From seed 000, mended: UNIQUE (metric_date, metric_name, family_id) let any number of platform-wide rows in, because
-- NULL differs from NULL, and forgot plan and cohort. NULLS NOT DISTINCT (PostgreSQL 15) closes that.

CREATE TABLE platform_analytics (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    metric_date   date NOT NULL,
    metric_name   text NOT NULL CHECK (metric_name ~ '^[a-z][a-z0-9_]{0,99}$'),
    metric_value  numeric NOT NULL,
    family_id     uuid REFERENCES families (id) ON DELETE CASCADE,       -- NULL: the whole platform
    plan          text REFERENCES plans (name),                          -- NULL: all plans
    cohort_month  date CHECK (cohort_month = date_trunc('month', cohort_month)),
    metadata      jsonb,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT platform_analytics_once
        UNIQUE NULLS NOT DISTINCT (metric_date, metric_name, family_id, plan, cohort_month)
);
CREATE INDEX platform_analytics_name ON platform_analytics (metric_name, metric_date DESC);
CREATE INDEX platform_analytics_family ON platform_analytics (family_id, metric_date DESC)
    WHERE family_id IS NOT NULL;

-- What a family used on a day (seed 003). Storage is a sample, with its time; the rest are sums of the day.
CREATE TABLE family_usage_metrics (
    family_id         uuid NOT NULL REFERENCES families (id) ON DELETE CASCADE,
    metric_date       date NOT NULL,
    requests_count    bigint NOT NULL DEFAULT 0 CHECK (requests_count >= 0),
    bandwidth_bytes   bigint NOT NULL DEFAULT 0 CHECK (bandwidth_bytes >= 0),
    storage_bytes     bigint NOT NULL DEFAULT 0 CHECK (storage_bytes >= 0),
    member_count      integer NOT NULL DEFAULT 0 CHECK (member_count >= 0),
    active_users      integer NOT NULL DEFAULT 0 CHECK (active_users >= 0),
    chores_completed  integer NOT NULL DEFAULT 0 CHECK (chores_completed >= 0),
    sampled_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (family_id, metric_date)
);
CREATE INDEX family_usage_metrics_date ON family_usage_metrics (metric_date DESC);

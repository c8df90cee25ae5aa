-- Families (tenants), the people who may enter them, the servers their databases live on, and the audit log.
--
-- From seed 000, with these of its mistakes mended:
--   * gen_random_uuid() is built in; uuid-ossp is not needed.
--   * db_host and db_name were NOT NULL, though a sign-up precedes its database: they are NULL while `provisioning`,
--     and a CHECK demands all of the route once the family can be used.
--   * status, plan, role, currency were free text: they have CHECKs, or a table they refer to.
--   * slug and email were unique for ever, deleted rows included: they are unique among what is not deleted.
--   * email was unique by case: it is unique on lower(email).
--   * indexes repeated what a UNIQUE constraint had made already: gone.
--   * the slug's format admits no single character, as the regular expression needs two; its length says so too.
--   * users.password_hash was NOT NULL: an invited or signed-up owner has none until they set one.
--   * audit_logs.family_id had ON DELETE CASCADE, which deletes the evidence with the deed. An audit row states what
--     was: it keeps bare ids, and no row of it is ever changed.

-- Sets updated_at when a row really changes. One function for all tables.
CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

-- What a family may pay for. -1 is not used: NULL is "no limit".
CREATE TABLE plans (
    name             text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,19}$'),
    price_cents      integer NOT NULL CHECK (price_cents >= 0),       -- a month
    currency         text NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$'),
    storage_mb       integer NOT NULL CHECK (storage_mb > 0),
    parents_max      integer CHECK (parents_max > 0),
    children_max     integer CHECK (children_max > 0),
    weight           integer NOT NULL DEFAULT 1 CHECK (weight > 0),   -- share of a queue's turns
    stripe_price_id  text UNIQUE,
    created_at       timestamptz NOT NULL DEFAULT now()
);
INSERT INTO plans (name, price_cents, storage_mb, parents_max, children_max, weight) VALUES
    ('free', 0, 100, 2, 5, 1),
    ('premium', 1500, 1024, NULL, NULL, 2),
    ('enterprise', 5000, 10240, NULL, NULL, 4);

-- The PostgreSQL servers that family databases are placed on. 150 databases a server, alert at 80 %: seed 002.
CREATE TABLE database_servers (
    id                     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name                   text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9.-]{0,62}$'),
    host                   text NOT NULL CHECK (length(host) BETWEEN 1 AND 255),
    port                   integer NOT NULL DEFAULT 5432 CHECK (port BETWEEN 1 AND 65535),
    maintenance_database   text NOT NULL DEFAULT 'postgres',   -- where CREATE DATABASE is said from
    admin_user             text,                               -- NULL: the platform's own user and password
    admin_password_sealed  text,                               -- sealed for this row's id, never plain
    max_databases          integer NOT NULL DEFAULT 150 CHECK (max_databases >= 0),
    alert_percent          integer NOT NULL DEFAULT 80 CHECK (alert_percent BETWEEN 1 AND 100),
    status                 text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'draining', 'retired')),
    created_at             timestamptz NOT NULL DEFAULT now(),
    updated_at             timestamptz NOT NULL DEFAULT now(),
    UNIQUE (host, port),
    CHECK (admin_user IS NOT NULL OR admin_password_sealed IS NULL)
);
CREATE TRIGGER touch BEFORE UPDATE ON database_servers
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();

-- One row a family: who it is, what it pays, where its database is.
CREATE TABLE families (
    id                      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    slug                    text NOT NULL,
    name                    text NOT NULL CHECK (length(name) BETWEEN 1 AND 100 AND name !~ '^\s*$'),

    -- The route to its database. server_id and db_name are reserved first; the rest follows when it is proven.
    server_id               uuid REFERENCES database_servers (id),
    db_host                 text,
    db_port                 integer CHECK (db_port BETWEEN 1 AND 65535),
    db_name                 text CHECK (octet_length(db_name) BETWEEN 1 AND 63),
    db_user                 text CHECK (octet_length(db_user) BETWEEN 1 AND 63),
    db_password_encrypted   text,                      -- AES-256-GCM, bound to this row's id
    schema_version          integer CHECK (schema_version >= 0),

    -- provisioning → trial → active ⇄ suspended → cancelled
    status                  text NOT NULL DEFAULT 'provisioning'
                                CHECK (status IN ('provisioning', 'trial', 'active', 'suspended', 'cancelled')),
    plan                    text NOT NULL DEFAULT 'free' REFERENCES plans (name),
    trial_ends_at           timestamptz,
    subscription_ends_at    timestamptz,
    stripe_customer_id      text,
    stripe_subscription_id  text,

    -- Of all that sign_up_family was asked for; NULL: it did not make this row.
    sign_up_sha256          bytea CHECK (octet_length(sign_up_sha256) = 32),
    created_at              timestamptz NOT NULL DEFAULT now(),
    updated_at              timestamptz NOT NULL DEFAULT now(),
    provisioned_at          timestamptz,
    deleted_at              timestamptz,

    -- Cached from the family's database by family.compute_stats.
    member_count            integer NOT NULL DEFAULT 0 CHECK (member_count >= 0),
    storage_used_mb         integer NOT NULL DEFAULT 0 CHECK (storage_used_mb >= 0),
    last_activity_at        timestamptz,
    stats_computed_at       timestamptz,

    CONSTRAINT families_slug_format
        CHECK (length(slug) BETWEEN 2 AND 50 AND slug ~ '^[a-z0-9][a-z0-9-]*[a-z0-9]$' AND slug NOT LIKE '%-%-%'),
    CONSTRAINT families_slug_not_reserved
        CHECK (slug NOT IN ('api', 'www', 'app', 'admin', 'staging', 'dev', 'support', 'help', 'blog', 'docs')),
    CONSTRAINT families_route_complete
        CHECK (status IN ('provisioning', 'cancelled')
            OR num_nulls(db_host, db_port, db_name, db_user, db_password_encrypted, schema_version) = 0)
);
CREATE UNIQUE INDEX families_slug_live ON families (slug) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX families_database_live ON families (db_name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX families_stripe_customer ON families (stripe_customer_id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX families_stripe_subscription ON families (stripe_subscription_id) WHERE deleted_at IS NULL;
CREATE INDEX families_status ON families (status) WHERE deleted_at IS NULL;
CREATE INDEX families_server ON families (server_id) WHERE server_id IS NOT NULL;
CREATE TRIGGER touch BEFORE UPDATE ON families
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();

-- Global accounts: one person may belong to several families. Profiles are in the family databases.
CREATE TABLE users (
    id                     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email                  text NOT NULL CHECK (length(email) BETWEEN 3 AND 255 AND
                               email ~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$'),
    email_verified         boolean NOT NULL DEFAULT false,
    password_hash          text,                                 -- NULL until the person sets one
    first_name             text CHECK (length(first_name) BETWEEN 1 AND 100),
    last_name              text CHECK (length(last_name) BETWEEN 1 AND 100),
    avatar_url             text CHECK (length(avatar_url) <= 500),
    mfa_enabled            boolean NOT NULL DEFAULT false,
    mfa_secret             text,
    failed_login_attempts  integer NOT NULL DEFAULT 0 CHECK (failed_login_attempts >= 0),
    locked_until           timestamptz,
    last_login             timestamptz,
    last_login_ip          inet,
    created_at             timestamptz NOT NULL DEFAULT now(),
    updated_at             timestamptz NOT NULL DEFAULT now(),
    deleted_at             timestamptz,
    CHECK (NOT mfa_enabled OR mfa_secret IS NOT NULL)
);
CREATE UNIQUE INDEX users_email_live ON users (lower(email)) WHERE deleted_at IS NULL;
CREATE INDEX users_last_login ON users (last_login DESC NULLS LAST);
CREATE TRIGGER touch BEFORE UPDATE ON users
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();

-- Who may enter which family, and as what: owner (billing too), admin (all but billing), member.
CREATE TABLE family_memberships (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    family_id         uuid NOT NULL REFERENCES families (id) ON DELETE CASCADE,
    user_id           uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role              text NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member')),
    status            text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'invited', 'suspended')),
    invited_at        timestamptz,
    joined_at         timestamptz,
    last_accessed_at  timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (family_id, user_id)
);
CREATE INDEX family_memberships_user ON family_memberships (user_id) WHERE status = 'active';
CREATE INDEX family_memberships_family ON family_memberships (family_id) WHERE status = 'active';
CREATE TRIGGER touch BEFORE UPDATE ON family_memberships
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();

-- Who did what. No foreign keys: a row outlives whom it speaks of. No row is ever changed.
CREATE TABLE audit_logs (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id        uuid,
    family_id      uuid,
    job_id         uuid,                                         -- the job that did it, if one did
    action         text NOT NULL CHECK (length(action) BETWEEN 1 AND 100),
    resource_type  text CHECK (length(resource_type) BETWEEN 1 AND 50),
    resource_id    uuid,
    ip_address     inet,
    user_agent     text,
    request_id     uuid,
    changes        jsonb,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_logs_family ON audit_logs (family_id, created_at DESC);
CREATE INDEX audit_logs_user ON audit_logs (user_id, created_at DESC);
CREATE INDEX audit_logs_action ON audit_logs (action, created_at DESC);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_logs rows are never changed' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER never_changed BEFORE UPDATE ON audit_logs FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();

-- The people of the family, as profiles: accounts and passwords are on the platform. No table here has a family_id:
-- the whole database is one family's.

-- From seed 000; `age` was a number that is wrong within a year: a birth date does not age.
CREATE TABLE users (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    platform_user_id  uuid UNIQUE,                          -- NULL: a child without an account
    username          text NOT NULL CHECK (length(username) BETWEEN 1 AND 50),
    display_name      text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    birth_date        date CHECK (birth_date > '1900-01-01'),
    is_parent         boolean NOT NULL DEFAULT false,
    total_points      integer NOT NULL DEFAULT 0,           -- the sum of points_ledger, kept by its trigger
    avatar_url        text CHECK (length(avatar_url) <= 500),
    color             text CHECK (color ~ '^#[0-9a-f]{6}$'),
    preferences       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(preferences) = 'object'),
    last_seen_at      timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    left_at           timestamptz                           -- no longer a member; history keeps pointing here
);
CREATE UNIQUE INDEX users_username ON users (lower(username));
CREATE TRIGGER touch BEFORE UPDATE ON users
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();

CREATE TABLE family_settings (
    key         text PRIMARY KEY CHECK (key ~ '^[a-z][a-z0-9_.]{0,63}$'),
    value       jsonb NOT NULL,
    updated_by  uuid REFERENCES users (id) ON DELETE SET NULL,
    updated_at  timestamptz NOT NULL DEFAULT now()
);

-- Homes: children of separated parents have two.
CREATE TABLE households (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    address     text,
    phone       text,
    time_zone   text NOT NULL DEFAULT 'UTC',
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE household_members (
    household_id  uuid NOT NULL REFERENCES households (id) ON DELETE CASCADE,
    user_id       uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    is_primary    boolean NOT NULL DEFAULT false,
    PRIMARY KEY (household_id, user_id)
);
CREATE UNIQUE INDEX household_members_primary ON household_members (user_id) WHERE is_primary;
CREATE INDEX household_members_user ON household_members (user_id);

CREATE TABLE guardianships (
    guardian_id  uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    child_id     uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    relation     text NOT NULL CHECK (relation IN ('parent', 'step_parent', 'grandparent', 'guardian', 'other')),
    may_pick_up  boolean NOT NULL DEFAULT true,
    PRIMARY KEY (guardian_id, child_id),
    CHECK (guardian_id <> child_id)
);
CREATE INDEX guardianships_child ON guardianships (child_id);

CREATE TABLE emergency_contacts (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     uuid REFERENCES users (id) ON DELETE CASCADE,      -- NULL: of the whole family
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    relation    text,
    phone       text NOT NULL CHECK (length(phone) BETWEEN 3 AND 40),
    position    smallint NOT NULL DEFAULT 1 CHECK (position > 0),
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX emergency_contacts_user ON emergency_contacts (user_id);

CREATE TABLE invitations (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email        text NOT NULL CHECK (length(email) BETWEEN 3 AND 255),
    role         text NOT NULL CHECK (role IN ('admin', 'member')),
    token_hash   bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    invited_by   uuid REFERENCES users (id) ON DELETE SET NULL,
    expires_at   timestamptz NOT NULL,
    accepted_at  timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (expires_at > created_at)
);
CREATE UNIQUE INDEX invitations_open ON invitations (lower(email)) WHERE accepted_at IS NULL;

CREATE TABLE device_tokens (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id       uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    platform      text NOT NULL CHECK (platform IN ('ios', 'android', 'web')),
    token         text NOT NULL UNIQUE CHECK (length(token) BETWEEN 1 AND 4096),
    last_used_at  timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX device_tokens_user ON device_tokens (user_id);

CREATE TABLE attachments (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    uploaded_by   uuid REFERENCES users (id) ON DELETE SET NULL,
    file_name     text NOT NULL CHECK (length(file_name) BETWEEN 1 AND 255),
    media_type    text NOT NULL CHECK (media_type ~ '^[a-z]+/[a-z0-9.+-]+$'),
    size_bytes    bigint NOT NULL CHECK (size_bytes >= 0),
    sha256        bytea NOT NULL CHECK (octet_length(sha256) = 32),
    storage_key   text NOT NULL UNIQUE,                       -- where the bytes are, outside of this database
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX attachments_uploader ON attachments (uploaded_by);

-- Chores, whose turn it is, and what became of it. From seed 000, with foreign keys that say what a deletion does, and
-- CHECKs where free text was.

CREATE TABLE chore_categories (
    id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name      text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 50),
    icon      text,
    position  smallint NOT NULL DEFAULT 0,
    built_in  boolean NOT NULL DEFAULT false
);
-- What every family starts with.
INSERT INTO chore_categories (name, icon, position, built_in) VALUES
    ('Kitchen', 'fork', 1, true), ('Bedroom', 'bed', 2, true), ('Bathroom', 'shower', 3, true),
    ('Laundry', 'shirt', 4, true), ('Living room', 'sofa', 5, true), ('Garden', 'leaf', 6, true),
    ('Pets', 'paw', 7, true), ('School', 'book', 8, true), ('Errands', 'cart', 9, true), ('Other', 'dots', 10, true);

CREATE TABLE chores (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    title              text NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
    description        text,
    base_points        integer NOT NULL DEFAULT 10 CHECK (base_points BETWEEN 0 AND 10000),
    category_id        uuid REFERENCES chore_categories (id) ON DELETE SET NULL,
    minutes            smallint CHECK (minutes BETWEEN 1 AND 1440),
    age_min            smallint CHECK (age_min BETWEEN 0 AND 99),
    needs_approval     boolean NOT NULL DEFAULT true,
    recurrence         text CHECK (length(recurrence) <= 500),       -- RFC 5545 RRULE; NULL: once
    created_by         uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    archived_at        timestamptz
);
CREATE INDEX chores_category ON chores (category_id) WHERE archived_at IS NULL;
CREATE INDEX chores_creator ON chores (created_by);
CREATE TRIGGER touch BEFORE UPDATE ON chores
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();

CREATE TABLE chore_steps (
    chore_id  uuid NOT NULL REFERENCES chores (id) ON DELETE CASCADE,
    position  smallint NOT NULL CHECK (position > 0),
    text      text NOT NULL CHECK (length(text) BETWEEN 1 AND 500),
    PRIMARY KEY (chore_id, position)
);

CREATE TABLE chore_rotations (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    chore_id    uuid NOT NULL UNIQUE REFERENCES chores (id) ON DELETE CASCADE,
    every_days  smallint NOT NULL DEFAULT 7 CHECK (every_days BETWEEN 1 AND 366),
    starts_on   date NOT NULL,
    next_turn   smallint NOT NULL DEFAULT 0 CHECK (next_turn >= 0)
);

CREATE TABLE chore_rotation_members (
    rotation_id  uuid NOT NULL REFERENCES chore_rotations (id) ON DELETE CASCADE,
    position     smallint NOT NULL CHECK (position >= 0),
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (rotation_id, position),
    UNIQUE (rotation_id, user_id)
);
CREATE INDEX chore_rotation_members_user ON chore_rotation_members (user_id);

CREATE TABLE assignments (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    chore_id       uuid NOT NULL REFERENCES chores (id) ON DELETE CASCADE,
    assigned_to    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    assigned_by    uuid REFERENCES users (id) ON DELETE SET NULL,
    due_date       timestamptz,
    status         text NOT NULL DEFAULT 'pending'
                       CHECK (status IN ('pending', 'in_progress', 'completed', 'verified', 'rejected', 'skipped')),
    points_earned  integer CHECK (points_earned >= 0),
    completed_at   timestamptz,
    verified_by    uuid REFERENCES users (id) ON DELETE SET NULL,
    verified_at    timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (status NOT IN ('completed', 'verified') OR completed_at IS NOT NULL)
);
CREATE INDEX assignments_assignee ON assignments (assigned_to, due_date);
CREATE INDEX assignments_chore ON assignments (chore_id);
CREATE INDEX assignments_completed ON assignments (completed_at) WHERE completed_at IS NOT NULL;
CREATE TRIGGER touch BEFORE UPDATE ON assignments
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();

CREATE TABLE assignment_comments (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    assignment_id  uuid NOT NULL REFERENCES assignments (id) ON DELETE CASCADE,
    user_id        uuid REFERENCES users (id) ON DELETE SET NULL,
    body           text NOT NULL CHECK (length(body) BETWEEN 1 AND 4000),
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX assignment_comments_assignment ON assignment_comments (assignment_id, created_at);

CREATE TABLE assignment_photos (
    assignment_id  uuid NOT NULL REFERENCES assignments (id) ON DELETE CASCADE,
    attachment_id  uuid NOT NULL REFERENCES attachments (id) ON DELETE CASCADE,
    PRIMARY KEY (assignment_id, attachment_id)
);
CREATE INDEX assignment_photos_attachment ON assignment_photos (attachment_id);

CREATE TABLE chore_swaps (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    assignment_id  uuid NOT NULL REFERENCES assignments (id) ON DELETE CASCADE,
    offered_by     uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    taken_by       uuid REFERENCES users (id) ON DELETE SET NULL,
    status         text NOT NULL DEFAULT 'offered' CHECK (status IN ('offered', 'taken', 'withdrawn')),
    created_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (taken_by <> offered_by)
);
CREATE UNIQUE INDEX chore_swaps_open ON chore_swaps (assignment_id) WHERE status = 'offered';

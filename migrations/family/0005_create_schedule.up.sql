-- Who is where, and when; among it, with which parent.

CREATE TABLE calendars (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name           text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    color          text CHECK (color ~ '^#[0-9a-f]{6}$'),
    owner_id       uuid REFERENCES users (id) ON DELETE CASCADE,     -- NULL: everybody's
    subscribe_url  text CHECK (length(subscribe_url) <= 2000),
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX calendars_owner ON calendars (owner_id);

CREATE TABLE family_schedule (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    calendar_id    uuid NOT NULL REFERENCES calendars (id) ON DELETE CASCADE,
    title          text NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
    description    text,
    location       text,
    starts_at      timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL CHECK (ends_at >= starts_at),
    all_day        boolean NOT NULL DEFAULT false,
    recurrence     text CHECK (length(recurrence) <= 500),           -- RFC 5545 RRULE; NULL: once
    created_by     uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX family_schedule_time ON family_schedule (starts_at, ends_at);
CREATE INDEX family_schedule_calendar ON family_schedule (calendar_id);
CREATE TRIGGER touch BEFORE UPDATE ON family_schedule
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();

CREATE TABLE schedule_attendees (
    event_id  uuid NOT NULL REFERENCES family_schedule (id) ON DELETE CASCADE,
    user_id   uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    answer    text NOT NULL DEFAULT 'open' CHECK (answer IN ('open', 'yes', 'no', 'maybe')),
    PRIMARY KEY (event_id, user_id)
);
CREATE INDEX schedule_attendees_user ON schedule_attendees (user_id);

CREATE TABLE schedule_exceptions (
    event_id     uuid NOT NULL REFERENCES family_schedule (id) ON DELETE CASCADE,
    original_at  timestamptz NOT NULL,
    moved_to     timestamptz,                                        -- NULL: does not take place
    PRIMARY KEY (event_id, original_at)
);

CREATE TABLE reminders (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    event_id        uuid REFERENCES family_schedule (id) ON DELETE CASCADE,
    assignment_id   uuid REFERENCES assignments (id) ON DELETE CASCADE,
    user_id         uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    minutes_before  integer NOT NULL CHECK (minutes_before BETWEEN 0 AND 40320),
    sent_at         timestamptz,
    CHECK (num_nonnulls(event_id, assignment_id) = 1)
);
CREATE INDEX reminders_event ON reminders (event_id);
CREATE INDEX reminders_assignment ON reminders (assignment_id);
CREATE INDEX reminders_user ON reminders (user_id);

CREATE TABLE holidays (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    starts_on  date NOT NULL,
    ends_on    date NOT NULL CHECK (ends_on >= starts_on),
    UNIQUE (name, starts_on)
);

CREATE TABLE custody_schedules (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    child_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    household_id  uuid NOT NULL REFERENCES households (id) ON DELETE CASCADE,
    starts_at     timestamptz NOT NULL,
    ends_at       timestamptz NOT NULL CHECK (ends_at > starts_at),
    note          text,
    created_by    uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX custody_schedules_child ON custody_schedules (child_id, starts_at);
CREATE INDEX custody_schedules_household ON custody_schedules (household_id);

CREATE TABLE custody_exchanges (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    child_id         uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    from_household   uuid REFERENCES households (id) ON DELETE SET NULL,
    to_household     uuid REFERENCES households (id) ON DELETE SET NULL,
    planned_at       timestamptz NOT NULL,
    happened_at      timestamptz,
    place            text,
    CHECK (from_household <> to_household)
);
CREATE INDEX custody_exchanges_child ON custody_exchanges (child_id, planned_at);

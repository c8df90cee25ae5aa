-- School and health: the most sensitive of what a family keeps, and the reason for a database of its own.

CREATE TABLE schools (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    address     text,
    phone       text,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE school_enrollments (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    child_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    school_id   uuid NOT NULL REFERENCES schools (id) ON DELETE CASCADE,
    grade       text,
    room        text,
    starts_on   date NOT NULL,
    ends_on     date CHECK (ends_on >= starts_on),
    UNIQUE (child_id, school_id, starts_on)
);
CREATE INDEX school_enrollments_school ON school_enrollments (school_id);

CREATE TABLE school_contacts (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    school_id  uuid NOT NULL REFERENCES schools (id) ON DELETE CASCADE,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    role       text,
    email      text CHECK (length(email) <= 255),
    phone      text
);
CREATE INDEX school_contacts_school ON school_contacts (school_id);

CREATE TABLE school_events (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    school_id        uuid REFERENCES schools (id) ON DELETE CASCADE,
    child_id         uuid REFERENCES users (id) ON DELETE CASCADE,       -- NULL: all children of the school
    kind             text NOT NULL DEFAULT 'event'
                         CHECK (kind IN ('event', 'exam', 'trip', 'meeting', 'closed', 'early_dismissal')),
    title            text NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
    description      text,
    starts_at        timestamptz NOT NULL,
    ends_at          timestamptz CHECK (ends_at >= starts_at),
    needs_signature  boolean NOT NULL DEFAULT false,
    signed_by        uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX school_events_time ON school_events (starts_at);
CREATE INDEX school_events_school ON school_events (school_id);
CREATE INDEX school_events_child ON school_events (child_id);
CREATE TRIGGER touch BEFORE UPDATE ON school_events
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();

CREATE TABLE homework (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    child_id     uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    subject      text NOT NULL CHECK (length(subject) BETWEEN 1 AND 100),
    task         text NOT NULL CHECK (length(task) BETWEEN 1 AND 4000),
    due_on       date NOT NULL,
    done_at      timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX homework_child ON homework (child_id, due_on);

CREATE TABLE medical_providers (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    specialty  text,
    address    text,
    phone      text
);

CREATE TABLE medical_appointments (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider_id  uuid REFERENCES medical_providers (id) ON DELETE SET NULL,
    escort_id    uuid REFERENCES users (id) ON DELETE SET NULL,
    starts_at    timestamptz NOT NULL,
    reason       text,
    notes        text,
    status       text NOT NULL DEFAULT 'planned' CHECK (status IN ('planned', 'done', 'missed', 'cancelled')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX medical_appointments_user ON medical_appointments (user_id, starts_at);
CREATE INDEX medical_appointments_provider ON medical_appointments (provider_id);
CREATE TRIGGER touch BEFORE UPDATE ON medical_appointments
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();

CREATE TABLE medications (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    dose       text NOT NULL CHECK (length(dose) BETWEEN 1 AND 100),
    schedule   text CHECK (length(schedule) <= 500),
    starts_on  date NOT NULL,
    ends_on    date CHECK (ends_on >= starts_on)
);
CREATE INDEX medications_user ON medications (user_id);

CREATE TABLE medication_doses (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    medication_id  uuid NOT NULL REFERENCES medications (id) ON DELETE CASCADE,
    given_by       uuid REFERENCES users (id) ON DELETE SET NULL,
    given_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX medication_doses_medication ON medication_doses (medication_id, given_at DESC);

CREATE TABLE allergies (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    substance  text NOT NULL CHECK (length(substance) BETWEEN 1 AND 100),
    severity   text NOT NULL CHECK (severity IN ('mild', 'moderate', 'severe')),
    reaction   text,
    UNIQUE (user_id, substance)
);

CREATE TABLE immunizations (
    id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id   uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    vaccine   text NOT NULL CHECK (length(vaccine) BETWEEN 1 AND 100),
    dose      smallint NOT NULL DEFAULT 1 CHECK (dose BETWEEN 1 AND 20),
    given_on  date NOT NULL,
    UNIQUE (user_id, vaccine, dose)
);

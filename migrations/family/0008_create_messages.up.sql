-- What the members tell each other, and what the house tells them.

CREATE TABLE message_threads (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    title       text CHECK (length(title) BETWEEN 1 AND 200),
    created_by  uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE thread_members (
    thread_id     uuid NOT NULL REFERENCES message_threads (id) ON DELETE CASCADE,
    user_id       uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    last_read_at  timestamptz,
    PRIMARY KEY (thread_id, user_id)
);
CREATE INDEX thread_members_user ON thread_members (user_id);

CREATE TABLE messages (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    thread_id      uuid NOT NULL REFERENCES message_threads (id) ON DELETE CASCADE,
    sender_id      uuid REFERENCES users (id) ON DELETE SET NULL,
    body           text NOT NULL CHECK (length(body) BETWEEN 1 AND 10000),
    attachment_id  uuid REFERENCES attachments (id) ON DELETE SET NULL,
    sent_at        timestamptz NOT NULL DEFAULT now(),
    edited_at      timestamptz,
    deleted_at     timestamptz
);
CREATE INDEX messages_thread ON messages (thread_id, sent_at);

CREATE TABLE notification_preferences (
    user_id  uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    topic    text NOT NULL CHECK (topic ~ '^[a-z][a-z0-9_.]{0,63}$'),
    channel  text NOT NULL CHECK (channel IN ('push', 'email', 'in_app')),
    enabled  boolean NOT NULL DEFAULT true,
    PRIMARY KEY (user_id, topic, channel)
);

CREATE TABLE notifications (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    topic       text NOT NULL CHECK (topic ~ '^[a-z][a-z0-9_.]{0,63}$'),
    title       text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    body        text,
    link        text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    sent_at     timestamptz,
    read_at     timestamptz
);
CREATE INDEX notifications_unread ON notifications (user_id, created_at DESC) WHERE read_at IS NULL;

CREATE TABLE announcements (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    author_id    uuid REFERENCES users (id) ON DELETE SET NULL,
    title        text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    body         text NOT NULL,
    pinned       boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz CHECK (expires_at > created_at)
);

CREATE TABLE polls (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    question    text NOT NULL CHECK (length(question) BETWEEN 1 AND 500),
    created_by  uuid REFERENCES users (id) ON DELETE SET NULL,
    closes_at   timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE poll_options (
    poll_id   uuid NOT NULL REFERENCES polls (id) ON DELETE CASCADE,
    position  smallint NOT NULL CHECK (position > 0),
    text      text NOT NULL CHECK (length(text) BETWEEN 1 AND 200),
    PRIMARY KEY (poll_id, position)
);

CREATE TABLE poll_votes (
    poll_id   uuid NOT NULL,
    user_id   uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    position  smallint NOT NULL,
    voted_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (poll_id, user_id),
    FOREIGN KEY (poll_id, position) REFERENCES poll_options (poll_id, position) ON DELETE CASCADE
);
CREATE INDEX poll_votes_user ON poll_votes (user_id);

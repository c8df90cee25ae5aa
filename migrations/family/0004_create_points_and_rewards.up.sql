-- Points, what they buy, and pocket money. A balance is never set: it is the sum of a ledger that is only added to.

CREATE TABLE points_ledger (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id        uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    points         integer NOT NULL CHECK (points <> 0),
    reason         text NOT NULL CHECK (reason IN ('chore', 'bonus', 'penalty', 'redemption', 'refund', 'correction')),
    assignment_id  uuid REFERENCES assignments (id) ON DELETE SET NULL,
    note           text CHECK (length(note) <= 500),
    created_by     uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX points_ledger_user ON points_ledger (user_id, created_at DESC);
-- An assignment pays once.
CREATE UNIQUE INDEX points_ledger_assignment ON points_ledger (assignment_id)
    WHERE assignment_id IS NOT NULL AND reason = 'chore';

-- Keeps users.total_points equal to the ledger's sum.
CREATE FUNCTION add_points() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE users SET total_points = total_points + NEW.points WHERE id = NEW.user_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER add_points AFTER INSERT ON points_ledger FOR EACH ROW EXECUTE FUNCTION add_points();

CREATE TABLE point_rules (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    condition   jsonb NOT NULL CHECK (jsonb_typeof(condition) = 'object'),
    points      integer NOT NULL CHECK (points <> 0),
    enabled     boolean NOT NULL DEFAULT true,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE rewards (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    title           text NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
    description     text,
    cost_points     integer NOT NULL CHECK (cost_points > 0),
    stock           integer CHECK (stock >= 0),                    -- NULL: any number
    needs_approval  boolean NOT NULL DEFAULT true,
    created_by      uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    archived_at     timestamptz
);
CREATE TRIGGER touch BEFORE UPDATE ON rewards
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();

CREATE TABLE reward_redemptions (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    reward_id    uuid NOT NULL REFERENCES rewards (id),
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    cost_points  integer NOT NULL CHECK (cost_points > 0),
    status       text NOT NULL DEFAULT 'requested' CHECK (status IN ('requested', 'approved', 'given', 'refused')),
    decided_by   uuid REFERENCES users (id) ON DELETE SET NULL,
    decided_at   timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (status = 'requested' OR decided_at IS NOT NULL)
);
CREATE INDEX reward_redemptions_user ON reward_redemptions (user_id, created_at DESC);
CREATE INDEX reward_redemptions_reward ON reward_redemptions (reward_id);

CREATE TABLE savings_goals (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id        uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title          text NOT NULL CHECK (length(title) BETWEEN 1 AND 100),
    target_points  integer NOT NULL CHECK (target_points > 0),
    reached_at     timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX savings_goals_user ON savings_goals (user_id);

CREATE TABLE allowances (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id       uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    amount_cents  integer NOT NULL CHECK (amount_cents > 0),
    currency      text NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$'),
    every         text NOT NULL CHECK (every IN ('week', 'fortnight', 'month')),
    starts_on     date NOT NULL,
    ends_on       date CHECK (ends_on >= starts_on)
);
CREATE INDEX allowances_user ON allowances (user_id);

CREATE TABLE allowance_payments (
    allowance_id  uuid NOT NULL REFERENCES allowances (id) ON DELETE CASCADE,
    due_on        date NOT NULL,
    amount_cents  integer NOT NULL CHECK (amount_cents > 0),
    paid_at       timestamptz,
    PRIMARY KEY (allowance_id, due_on)
);

CREATE TABLE badges (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name         text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    description  text,
    icon         text
);

CREATE TABLE user_badges (
    user_id     uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    badge_id    uuid NOT NULL REFERENCES badges (id) ON DELETE CASCADE,
    awarded_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, badge_id)
);
CREATE INDEX user_badges_badge ON user_badges (badge_id);

CREATE TABLE streaks (
    user_id          uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    current_days     integer NOT NULL DEFAULT 0 CHECK (current_days >= 0),
    longest_days     integer NOT NULL DEFAULT 0,
    last_counted_on  date,
    CHECK (longest_days >= current_days)
);

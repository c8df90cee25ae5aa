-- What the house runs on: shopping, meals, pets, documents.

CREATE TABLE shopping_lists (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    created_by  uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    closed_at   timestamptz
);

CREATE TABLE shopping_items (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    list_id    uuid NOT NULL REFERENCES shopping_lists (id) ON DELETE CASCADE,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    quantity   numeric(10, 3) CHECK (quantity > 0),
    unit       text CHECK (length(unit) <= 20),
    added_by   uuid REFERENCES users (id) ON DELETE SET NULL,
    bought_at  timestamptz
);
CREATE INDEX shopping_items_list ON shopping_items (list_id);

CREATE TABLE recipes (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    title         text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    servings      smallint NOT NULL DEFAULT 4 CHECK (servings BETWEEN 1 AND 100),
    instructions  text,
    created_by    uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE recipe_ingredients (
    recipe_id  uuid NOT NULL REFERENCES recipes (id) ON DELETE CASCADE,
    position   smallint NOT NULL CHECK (position > 0),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    quantity   numeric(10, 3) CHECK (quantity > 0),
    unit       text CHECK (length(unit) <= 20),
    PRIMARY KEY (recipe_id, position)
);

CREATE TABLE meal_plans (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    week_start  date NOT NULL UNIQUE,
    created_by  uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE meal_plan_entries (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    plan_id     uuid NOT NULL REFERENCES meal_plans (id) ON DELETE CASCADE,
    day         date NOT NULL,
    meal        text NOT NULL CHECK (meal IN ('breakfast', 'lunch', 'dinner', 'snack')),
    recipe_id   uuid REFERENCES recipes (id) ON DELETE SET NULL,
    note        text CHECK (length(note) <= 500),
    cook_id     uuid REFERENCES users (id) ON DELETE SET NULL,
    UNIQUE (plan_id, day, meal),
    CHECK (num_nonnulls(recipe_id, note) >= 1)
);
CREATE INDEX meal_plan_entries_recipe ON meal_plan_entries (recipe_id);

CREATE TABLE pets (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    species     text NOT NULL CHECK (length(species) BETWEEN 1 AND 50),
    birth_date  date,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE pet_care_tasks (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    pet_id        uuid NOT NULL REFERENCES pets (id) ON DELETE CASCADE,
    title         text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    user_id       uuid REFERENCES users (id) ON DELETE SET NULL,
    due_at        timestamptz NOT NULL,
    done_at       timestamptz
);
CREATE INDEX pet_care_tasks_pet ON pet_care_tasks (pet_id, due_at);

CREATE TABLE documents (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    attachment_id  uuid NOT NULL REFERENCES attachments (id) ON DELETE CASCADE,
    title          text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    about_user_id  uuid REFERENCES users (id) ON DELETE CASCADE,
    parents_only   boolean NOT NULL DEFAULT true,
    expires_on     date,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX documents_attachment ON documents (attachment_id);
CREATE INDEX documents_about ON documents (about_user_id);

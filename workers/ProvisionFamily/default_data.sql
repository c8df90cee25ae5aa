-- A new family's first rows: its settings, a calendar for all, the owner's profile. Safe to run again: what is there
-- stays as it is. (Categories of chores come with the migration that makes their table.)
-- Inputs: $1 the family's name, $2 its slug, $3 the owner's platform id (NULL: none), $4 user name, $5 display name.
WITH settings AS (
    INSERT INTO family_settings (key, value)
    VALUES ('family.name', to_jsonb($1::text)), ('family.slug', to_jsonb($2::text)), ('family.time_zone', '"UTC"'),
           ('chores.approval_required', 'true'), ('points.enabled', 'true')
    ON CONFLICT (key) DO NOTHING
), calendar AS (
    INSERT INTO calendars (name, color) VALUES ('Family', '#3366cc') ON CONFLICT (name) DO NOTHING
)
INSERT INTO users (platform_user_id, username, display_name, is_parent)
SELECT $3::uuid, $4::text, $5::text, true WHERE $3 IS NOT NULL
ON CONFLICT DO NOTHING

-- The owner of a family, as the first profile in its database.
-- Inputs:  $1 the family's id. Returns: no row (no owner), or one: id, username (of the e-mail address), display_name.
SELECT u.id, left(split_part(u.email, '@', 1), 50) AS username,
       left(COALESCE(NULLIF(concat_ws(' ', u.first_name, u.last_name), ''), split_part(u.email, '@', 1)), 100)
           AS display_name
FROM family_memberships m JOIN users u ON u.id = m.user_id
WHERE m.family_id = $1 AND m.role = 'owner'
ORDER BY m.created_at
LIMIT 1

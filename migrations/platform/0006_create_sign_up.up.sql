-- sign_up_family: a family, its owner, and the job that makes its database, in the caller's own transaction. The
-- caller's commit is the acknowledgement, and any language can call it:
--
--     SELECT family_id, job_id FROM sign_up_family('smith-nyc', 'The Smiths', 'a@example.com');
--
-- Inputs:   slug              2 to 50 of a-z, 0-9 and at most one '-' inside; not a reserved name
--           name              1 to 100 characters, not all white space
--           owner_email       the caller knows that the person asking owns it; an account with it is reused
--           owner_first_name, owner_last_name   used when the account is new
--           plan              a name in `plans`
--           id                NULL: minted here. A caller who mints it may send the same call again after a lost reply:
--                             the same in all of the above (the case of the e-mail address apart), or it is refused.
-- Returns:  one row: family_id, job_id (family.provision), user_id (the owner).
-- Errors:   CW002 an input breaks a rule (HINT names the field)
--           CW003 the slug, or the id, is taken (HINT names which), also by a sign-up that commits a moment earlier
-- Locks:    its slug and its owner's email, until the caller's commit: a second sign-up with either waits for the
-- first.
CREATE FUNCTION sign_up_family(
    slug text,
    name text,
    owner_email text,
    owner_first_name text DEFAULT NULL,
    owner_last_name text DEFAULT NULL,
    plan text DEFAULT 'free',
    id uuid DEFAULT NULL
) RETURNS TABLE (family_id uuid, job_id uuid, user_id uuid) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    new_family  uuid := COALESCE(sign_up_family.id, uuid_v7());
    owner       uuid;
    new_job     uuid;
    known       families;
    broken      text;
    asked       bytea;
BEGIN
    IF sign_up_family.slug IS NULL OR length(sign_up_family.slug) NOT BETWEEN 2 AND 50 THEN
        RAISE EXCEPTION 'slug must have 2 to 50 characters' USING ERRCODE = 'CW002', HINT = 'slug';
    END IF;
    IF sign_up_family.slug !~ '^[a-z0-9][a-z0-9-]*[a-z0-9]$' THEN
        RAISE EXCEPTION 'slug must be of a-z, 0-9 and ''-'', and begin and end with a letter or digit'
            USING ERRCODE = 'CW002', HINT = 'slug';
    END IF;
    IF sign_up_family.slug LIKE '%-%-%' THEN
        RAISE EXCEPTION 'slug must have at most one ''-''' USING ERRCODE = 'CW002', HINT = 'slug';
    END IF;
    IF sign_up_family.slug IN
        ('api', 'www', 'app', 'admin', 'staging', 'dev', 'support', 'help', 'blog', 'docs') THEN
        RAISE EXCEPTION 'slug is a reserved name' USING ERRCODE = 'CW002', HINT = 'slug';
    END IF;
    IF sign_up_family.name IS NULL OR sign_up_family.name ~ '^\s*$' OR length(sign_up_family.name) > 100 THEN
        RAISE EXCEPTION 'name must have 1 to 100 characters, not all of them white space'
            USING ERRCODE = 'CW002', HINT = 'name';
    END IF;
    IF sign_up_family.owner_email IS NULL OR length(sign_up_family.owner_email) > 255
        OR sign_up_family.owner_email !~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$' THEN
        RAISE EXCEPTION 'owner_email must be an e-mail address of at most 255 characters'
            USING ERRCODE = 'CW002', HINT = 'owner_email';
    END IF;
    IF length(sign_up_family.owner_first_name) NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'owner_first_name must have 1 to 100 characters'
            USING ERRCODE = 'CW002', HINT = 'owner_first_name';
    END IF;
    IF length(sign_up_family.owner_last_name) NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'owner_last_name must have 1 to 100 characters'
            USING ERRCODE = 'CW002', HINT = 'owner_last_name';
    END IF;
    IF NOT EXISTS (SELECT FROM plans p WHERE p.name = sign_up_family.plan) THEN
        RAISE EXCEPTION 'plan must be one of %', (SELECT string_agg(p.name, ', ' ORDER BY p.price_cents) FROM plans p)
            USING ERRCODE = 'CW002', HINT = 'plan';
    END IF;

    -- A removed family's database keeps its name until it is dropped: a new family of the slug could not have one.
    IF EXISTS (SELECT FROM families f
               WHERE f.slug = sign_up_family.slug AND f.deleted_at IS NOT NULL AND f.db_name IS NOT NULL) THEN
        RAISE EXCEPTION 'slug is taken by a family whose database is still kept'
            USING ERRCODE = 'CW003', HINT = 'slug';
    END IF;

    asked := sha256(convert_to(
        jsonb_build_array(sign_up_family.slug, sign_up_family.name, lower(sign_up_family.owner_email),
                          sign_up_family.owner_first_name, sign_up_family.owner_last_name, sign_up_family.plan)::text,
        'UTF8'));
    BEGIN
        INSERT INTO families (id, slug, name, plan, sign_up_sha256)
            VALUES (new_family, sign_up_family.slug, sign_up_family.name, sign_up_family.plan, asked);
    EXCEPTION WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
        -- The caller's own family, sent again? Then the first answer again.
        SELECT * INTO known FROM families f WHERE f.id = sign_up_family.id;
        -- What it asked for is compared, not what became of it: names, plans and owners change.
        IF known.sign_up_sha256 = asked AND known.deleted_at IS NULL THEN
            RETURN QUERY
                SELECT a.family_id, a.job_id, a.user_id FROM audit_logs a
                WHERE a.family_id = known.id AND a.action = 'signup';
            IF FOUND THEN
                RETURN;
            END IF;
        END IF;
        IF known.id IS NOT NULL THEN
            RAISE EXCEPTION 'id is taken by another family' USING ERRCODE = 'CW003', HINT = 'id';
        END IF;
        IF broken = 'families_slug_live' THEN
            RAISE EXCEPTION 'slug is taken' USING ERRCODE = 'CW003', HINT = 'slug';
        END IF;
        RAISE;
    END;

    -- Two rounds are enough unless the account is deleted between the two statements, over and over.
    LOOP
        SELECT u.id INTO owner FROM users u
            WHERE lower(u.email) = lower(sign_up_family.owner_email) AND u.deleted_at IS NULL;
        EXIT WHEN owner IS NOT NULL;
        INSERT INTO users (id, email, first_name, last_name)
            VALUES (uuid_v7(), sign_up_family.owner_email, sign_up_family.owner_first_name,
                    sign_up_family.owner_last_name)
            ON CONFLICT DO NOTHING
            RETURNING users.id INTO owner;
        EXIT WHEN owner IS NOT NULL;
    END LOOP;

    INSERT INTO family_memberships (family_id, user_id, role, status, joined_at)
        VALUES (new_family, owner, 'owner', 'active', now());
    SELECT e.job_id INTO STRICT new_job
        FROM enqueue('family.provision', jsonb_build_object('family_id', new_family), queue => 'provisioning',
                     idempotency_key => 'sign-up:' || new_family) e;
    INSERT INTO audit_logs (user_id, family_id, job_id, action, resource_type, resource_id, changes)
        VALUES (owner, new_family, new_job, 'signup', 'families', new_family,
                jsonb_build_object('slug', sign_up_family.slug, 'plan', sign_up_family.plan));
    RETURN QUERY SELECT new_family, new_job, owner;
END
$$;

-- What the migrations will make belongs to the application's role as well. Said before the first migration, by the
-- administrator who runs them, and true of all later ones. Safe to run again.
-- Inputs: setting chorewheel.role, the role's name (a DO block takes no parameters).
DO $$
DECLARE
    role text := current_setting('chorewheel.role');
BEGIN
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA public'
                   ' GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', role);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO %I', role);
END
$$;

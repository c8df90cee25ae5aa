-- The application's role reads and writes all rows, and changes nothing about the schema or the record of it.
-- Safe to run again, and after every migration.
-- Inputs: setting chorewheel.role, the role's name (a DO block takes no parameters).
DO $$
DECLARE
    role text := current_setting('chorewheel.role');
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %I', role);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO %I', role);
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON TABLE public.schema_migrations FROM %I', role);
END
$$;

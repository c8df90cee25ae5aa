-- The schema of the connected database as one hash: equal schemas give equal hashes, wherever and however they came to
-- be. It holds what a migration can change and a program can notice: schemas, extensions, relations, columns in their
-- order, defaults, constraints, indexes, triggers, views, functions, types, sequences, row-level security.
-- It leaves out owners and grants (role names differ by family), statistics, sizes, and schema_migrations itself.
--
-- Inputs:   none. search_path must be pg_catalog alone, so that every name comes out with its schema.
-- Returns:  one row: fingerprint, 64 hexadecimal digits of SHA-256.
-- Locks:    none but those of reading the catalog.
WITH spaces AS (
    SELECT n.oid, n.nspname FROM pg_namespace n
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
      AND n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'
), extension_members AS (
    SELECT d.classid, d.objid FROM pg_depend d WHERE d.deptype = 'e'
), relations AS (
    SELECT c.oid, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
           s.nspname || '.' || c.relname AS name
    FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
    WHERE NOT (s.nspname = 'public' AND c.relname LIKE 'schema\_migrations%')
      AND NOT EXISTS (SELECT FROM extension_members e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid)
), lines AS (
    SELECT concat_ws(' ', 'schema', nspname) AS line FROM spaces
    UNION ALL
    SELECT concat_ws(' ', 'extension', extname) FROM pg_extension
    UNION ALL
    SELECT concat_ws(' ', 'relation', name, relkind, relpersistence, relrowsecurity, relforcerowsecurity, reloptions)
    FROM relations WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
    UNION ALL
    SELECT concat_ws(' ', 'column', r.name,
               row_number() OVER (PARTITION BY r.oid ORDER BY a.attnum), a.attname,
               format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
               pg_get_expr(d.adbin, d.adrelid), NULLIF(a.attcollation, t.typcollation)::regcollation)
    FROM relations r
    JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
    UNION ALL
    SELECT concat_ws(' ', 'constraint', r.name, c.conname, c.convalidated, pg_get_constraintdef(c.oid))
    FROM relations r JOIN pg_constraint c ON c.conrelid = r.oid
    UNION ALL
    SELECT concat_ws(' ', 'index', pg_get_indexdef(i.indexrelid), i.indisvalid)
    FROM relations r JOIN pg_index i ON i.indrelid = r.oid
    UNION ALL
    SELECT concat_ws(' ', 'trigger', pg_get_triggerdef(t.oid), t.tgenabled)
    FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT concat_ws(' ', 'view', r.name, pg_get_viewdef(r.oid)) FROM relations r WHERE r.relkind IN ('v', 'm')
    UNION ALL
    SELECT concat_ws(' ', 'policy', r.name, p.polname, p.polcmd, p.polpermissive,
               pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    FROM relations r JOIN pg_policy p ON p.polrelid = r.oid
    UNION ALL
    SELECT concat_ws(' ', 'sequence', r.name, format_type(q.seqtypid, NULL), q.seqstart, q.seqincrement, q.seqmin,
               q.seqmax, q.seqcache, q.seqcycle)
    FROM relations r JOIN pg_sequence q ON q.seqrelid = r.oid
    UNION ALL
    SELECT concat_ws(' ', 'function', pg_get_functiondef(p.oid))
    FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace
    WHERE p.prokind <> 'a'
      AND NOT EXISTS (SELECT FROM extension_members e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid)
    UNION ALL
    SELECT concat_ws(' ', 'enum', s.nspname || '.' || t.typname,
               (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
    FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace WHERE t.typtype = 'e'
    UNION ALL
    SELECT concat_ws(' ', 'domain', s.nspname || '.' || t.typname, format_type(t.typbasetype, t.typtypmod),
               t.typnotnull, t.typdefault,
               (SELECT string_agg(pg_get_constraintdef(c.oid), ',' ORDER BY c.conname)
                FROM pg_constraint c WHERE c.contypid = t.oid))
    FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace WHERE t.typtype = 'd'
)
SELECT encode(sha256(convert_to(coalesce(string_agg(line, E'\n' ORDER BY line COLLATE "C"), ''), 'UTF8')), 'hex')
    AS fingerprint
FROM lines

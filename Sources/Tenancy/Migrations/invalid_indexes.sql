-- Indexes that a broken-off CREATE INDEX CONCURRENTLY left behind, of those whose name stands in the statement at hand.
-- Inputs: $1 the statement's text. Returns: a row each: schema_name, index_name.
SELECT n.nspname AS schema_name, c.relname AS index_name
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND strpos($1, c.relname) > 0

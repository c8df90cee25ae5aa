-- Takes the families, the people and the audit log away. The families' own databases stay where they are.
DROP TABLE audit_logs, family_memberships, users, families, database_servers, plans;
DROP FUNCTION refuse_audit_change();
DROP FUNCTION touch_updated_at();

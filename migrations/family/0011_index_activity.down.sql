-- chorewheel: no-transaction
-- Takes the indexes away without making a writer wait.
DROP INDEX CONCURRENTLY IF EXISTS messages_sender;
-- chorewheel: next
DROP INDEX CONCURRENTLY IF EXISTS activity_log_user;
-- chorewheel: next
DROP INDEX CONCURRENTLY IF EXISTS activity_log_occurred;

-- chorewheel: no-transaction
-- Indexes on tables that are written all day: built CONCURRENTLY, so that nobody waits. Each statement may be said
-- again after a kill: the engine drops what is INVALID first, and IF NOT EXISTS passes over what is whole.
CREATE INDEX CONCURRENTLY IF NOT EXISTS activity_log_occurred ON activity_log (occurred_at DESC);
-- chorewheel: next
CREATE INDEX CONCURRENTLY IF NOT EXISTS activity_log_user ON activity_log (user_id, occurred_at DESC);
-- chorewheel: next
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_sender ON messages (sender_id, sent_at DESC);

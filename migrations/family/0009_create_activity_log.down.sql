-- Takes the record of activity away.
DROP TRIGGER log_activity ON assignments;
DROP FUNCTION log_assignment_activity();
DROP TABLE daily_activity, activity_log;
DROP FUNCTION count_daily_activity();

-- Takes the record of effects away: jobs that are run again after this may act twice.
DROP FUNCTION touch_updated_at();
DROP TABLE job_inbox;

-- Takes the record of fleet runs away; the families' schema versions stay.
DROP TABLE fleet_run_families, fleet_runs;

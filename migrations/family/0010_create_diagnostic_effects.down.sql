-- Takes the record of diagnostic jobs away.
DROP TABLE diagnostic_effects;

-- Takes the figures away; they can be computed anew for as long as the family databases hold the facts.
DROP TABLE family_usage_metrics, platform_analytics;

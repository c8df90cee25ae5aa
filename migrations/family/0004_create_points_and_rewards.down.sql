-- Takes points, rewards and pocket money away.
DROP TABLE streaks, user_badges, badges, allowance_payments, allowances, savings_goals, reward_redemptions, rewards,
    point_rules, points_ledger;
DROP FUNCTION add_points();

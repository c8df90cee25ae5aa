-- Takes chores and everything about them away.
DROP TABLE chore_swaps, assignment_photos, assignment_comments, assignments, chore_rotation_members, chore_rotations,
    chore_steps, chores, chore_categories;

-- Takes shopping, meals, pets and documents away.
DROP TABLE documents, pet_care_tasks, pets, meal_plan_entries, meal_plans, recipe_ingredients, recipes, shopping_items,
    shopping_lists;

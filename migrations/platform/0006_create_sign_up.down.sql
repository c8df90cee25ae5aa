-- Takes the function away, and nothing that it made.
DROP FUNCTION sign_up_family(text, text, text, text, text, text, uuid);

-- Takes the members away, and what hangs on them alone.
DROP TABLE attachments, device_tokens, invitations, emergency_contacts, guardianships, household_members, households,
    family_settings, users;

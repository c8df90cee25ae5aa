-- Takes messages, notifications and polls away.
DROP TABLE poll_votes, poll_options, polls, announcements, notifications, notification_preferences, messages,
    thread_members, message_threads;

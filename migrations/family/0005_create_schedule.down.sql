-- Takes calendars, appointments and custody plans away.
DROP TABLE custody_exchanges, custody_schedules, holidays, reminders, schedule_exceptions, schedule_attendees,
    family_schedule, calendars;

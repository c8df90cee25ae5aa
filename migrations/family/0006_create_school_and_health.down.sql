-- Takes school and health records away.
DROP TABLE immunizations, allergies, medication_doses, medications, medical_appointments, medical_providers, homework,
    school_events, school_contacts, school_enrollments, schools;

"""What stands in the record of a session, and its rules: pure, whoever keeps it."""

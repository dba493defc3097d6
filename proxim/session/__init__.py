"""What a session is and may do. Pure: no task, clock, randomness, socket or log."""

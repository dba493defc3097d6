"""What clients and the node say to each other. Pure: no task, clock, randomness, socket or log."""

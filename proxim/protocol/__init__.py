"""The messages between clients and the node. Pure: no task, clock, randomness, socket or log."""

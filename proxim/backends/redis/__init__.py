"""Several nodes as one: where a session lives, and how it is reached from elsewhere."""

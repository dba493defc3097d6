"""A task for each session (actor), the supervisor of all of them, and the router to them."""

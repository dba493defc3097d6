"""Where Trio and the other threads of a program meet."""

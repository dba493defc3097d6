"""Calls between Trio and the other threads of a program."""

"""What a session is and may do: pure values and one state machine.

Nothing in here knows trio, a clock, randomness, a socket or a log. Time and random bytes come
in as arguments, decisions go out as values.
"""

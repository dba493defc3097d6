"""Sealed sessions: what the host and the guest say to each other without the node reading it.

Every module follows docs/reference/sealing.md, and names the section that it carries out. The
modules are pure: text, time and random bytes come in as arguments, and what is to be sent goes out
as values. Only ``host``, ``guest`` and ``peer`` are for the SDK. They import ``cryptography`` and
``pyhpke``, so import them only when a session is sealed; ``link`` needs neither.
"""

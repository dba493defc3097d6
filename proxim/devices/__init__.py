"""Known devices: the host's record of each, its verdict about a visit, and files that keep them.

``record`` follows docs/reference/sealing.md (Known devices). It is pure: time and random bytes come
in as arguments, and a changed record goes out. ``store`` reads and writes the files.
"""

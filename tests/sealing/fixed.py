"""Bytes that look random and are always the same."""

import hashlib


def fixed(label):
    """Return 32 bytes that look random and are always the same."""
    return hashlib.sha256(f"proxim seal 1 vector: {label}".encode()).digest()


class Drawn:
    """Draws the fixed bytes of labels, in turn."""

    def __init__(self, *labels):
        self.labels = list(labels)

    def __call__(self, size):
        assert size == 32
        return fixed(self.labels.pop(0))

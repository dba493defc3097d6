"""The name that a host gives its device."""

from __future__ import annotations

import platform

from proxim.protocol import device_names
from proxim.protocol.errors import BadMessage
from proxim.protocol.fields import MAX_NAME


def computer_name() -> str:
    """Return the name of this computer, if it is one that a device may have."""
    name = platform.node()[:MAX_NAME]
    return "a computer" if not name or device_names.fault(name) else name


def checked_name(name: str, of: str = "the host") -> str:
    """Return a name that a host may give itself, or a device. Raises ``BadMessage``."""
    fault = device_names.fault(name)
    if fault or not 1 <= len(device_names.normalised(name)) <= MAX_NAME:
        why = fault or f"not 1 to {MAX_NAME} characters"
        raise BadMessage(f"the name of {of} has {why}")
    return name

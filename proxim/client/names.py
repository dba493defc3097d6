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


def checked_name(name: str) -> str:
    """Return a name that a host may give itself. Raises ``BadMessage``."""
    fault = device_names.fault(name)
    if fault or not 1 <= len(device_names.normalised(name)) <= MAX_NAME:
        why = fault or f"not 1 to {MAX_NAME} characters"
        raise BadMessage(f"the name of the host has {why}")
    return name

"""docs/deploy/compose.yml with its variables replaced, as Compose would read it."""

import re
from pathlib import Path

import yaml

FILE = Path(__file__).parent.parent.parent / "docs" / "deploy" / "compose.yml"

GIVEN = {
    "DOMAIN": "node.example",
    "ACCESS_TOKEN": "an access token of the tests",
    "TURN_SECRET": "0123456789abcdef" * 4,
}
"""What an operator writes into ``.env``."""

_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::\?([^}]*))?\})")


def load():
    """Return the file with the variables of ``GIVEN``."""
    return yaml.safe_load(_VARIABLE.sub(lambda found: GIVEN.get(found[1], "$"), text()))


def text():
    return FILE.read_text(encoding="utf-8")


def variables():
    """Return each variable, and what Compose says if it is missing; None if it says nothing."""
    found = [(match[1], match[2]) for match in _VARIABLE.finditer(text()) if match[1]]
    return {
        name: next((why for each, why in found if each == name and why), None) for name, _ in found
    }

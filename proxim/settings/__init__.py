"""Every setting of a node, once: its name, meaning, unit, bounds and default.

``load`` reads the command line, the environment and the config file by what stands in
``fields.py``, and ``proxim serve --help`` is made from it.
"""

from proxim.settings.catalog import DEFAULT_URL, SETTINGS, Setting
from proxim.settings.checks import split_endpoint
from proxim.settings.fields import Settings
from proxim.settings.help import Help
from proxim.settings.schema import schema
from proxim.settings.sources import from_code, load, load_with_sources

__all__ = [
    "DEFAULT_URL",
    "SETTINGS",
    "Help",
    "Setting",
    "Settings",
    "from_code",
    "load",
    "load_with_sources",
    "schema",
    "split_endpoint",
]

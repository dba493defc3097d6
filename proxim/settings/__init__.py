"""The settings of a node: names, types, bounds, defaults and help texts.

``fields.py`` defines each setting once. ``load`` reads them from the command line, the environment
and the config file; ``proxim serve --help`` and the reference are generated from them.
"""

from proxim.settings.advice import advice_on_secrets, warn
from proxim.settings.catalog import DEFAULT_URL, SETTINGS, Setting, schema
from proxim.settings.checks import split_endpoint
from proxim.settings.fields import Settings
from proxim.settings.help import Help
from proxim.settings.sources import from_code, load, load_with_sources

__all__ = [
    "DEFAULT_URL",
    "SETTINGS",
    "Help",
    "Setting",
    "Settings",
    "advice_on_secrets",
    "from_code",
    "load",
    "load_with_sources",
    "schema",
    "split_endpoint",
    "warn",
]

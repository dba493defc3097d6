"""How to install the libraries of an extra, in the way in which Proxim itself was installed."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from proxim.protocol.errors import InvalidSetting


def missing(what: str, extra: str) -> InvalidSetting:
    """Return the error for ``what`` that needs an extra which is not installed."""
    return InvalidSetting(f"{what} needs the extra {extra}: {how_to_install(extra)}")


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra into this Python.

    It names the folder, the wheel or the repository from which Proxim was installed (PEP 610). Only
    after an installation from a package index the name alone is enough. Where Proxim was not
    installed, the command is for a clone.
    """
    return f"{_installer()} {_requirement(extra, _record())}"


def _installer() -> str:
    """Return ``pip install``, with the path of this Python if the shell's pip is not its own."""
    here = Path(sys.executable)
    found = shutil.which("pip")
    if found is not None and Path(found).parent == here.parent:
        return "pip install"
    python = _quoted(str(here)) if " " in str(here) else str(here)
    if importlib.util.find_spec("pip") is None:
        return f"uv pip install --python {python}"
    return f"{python} -m pip install"


def _requirement(extra: str, record: dict[str, Any] | None) -> str:
    if record is None:
        return f"{_quoted(f'.[{extra}]')} in a clone of Proxim"
    url, vcs = str(record.get("url", "")), record.get("vcs_info")
    if not url or not url.isprintable() or any(quote in url for quote in "'\""):
        # A shell reads the command, so the URL may not end its quotes.
        return _quoted(f"proxim[{extra}]")
    if record.get("dir_info", {}).get("editable"):
        # Otherwise a copy would take the place of the folder.
        return f"-e {_quoted(f'{_path_of(url)}[{extra}]')}"
    if vcs:
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return _quoted(f"proxim[{extra}] @ {url}")


def _quoted(text: str) -> str:
    """Return a word for a shell; that of Windows has double quotes only."""
    return f'"{text}"' if sys.platform == "win32" else f"'{text}'"


def _record() -> dict[str, Any] | None:
    """Return where Proxim was installed from, or None if it was not installed."""
    # Slow imports, which only an error needs.
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        record = json.loads(distribution("proxim").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _path_of(url: str) -> str:
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    return url2pathname(urlsplit(url).path)

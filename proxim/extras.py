"""How to install the libraries of an extra, in the way in which Proxim itself was installed."""

from __future__ import annotations

import json
from typing import Any

from proxim.protocol.errors import InvalidSetting


def missing(what: str, extra: str) -> InvalidSetting:
    """Return the error for ``what`` that needs an extra which is not installed."""
    return InvalidSetting(f"{what} needs the extra {extra}: {how_to_install(extra)}")


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra.

    It names the folder, the wheel or the repository from which Proxim was installed (PEP 610). Only
    after an installation from a package index the name alone is enough.
    """
    return f"pip install {_requirement(extra, _record())}"


def _requirement(extra: str, record: dict[str, Any]) -> str:
    url, vcs = str(record.get("url", "")), record.get("vcs_info")
    if not url or not url.isprintable() or "'" in url:
        # A shell reads the command, so the URL may not end its quotes.
        return f"'proxim[{extra}]'"
    if record.get("dir_info", {}).get("editable"):
        # Otherwise a copy would take the place of the folder.
        return f"-e '{_path_of(url)}[{extra}]'"
    if vcs:
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return f"'proxim[{extra}] @ {url}'"


def _record() -> dict[str, Any]:
    # Slow imports, which only an error needs.
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        record = json.loads(distribution("proxim").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _path_of(url: str) -> str:
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    return url2pathname(urlsplit(url).path)

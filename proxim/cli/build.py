"""What was built and what it runs on, for ``proxim --version`` and for reports of bugs."""

from __future__ import annotations

import json
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from proxim.version import __version__

_ROOT = Path(__file__).parent.parent.parent
_GIT_TIMEOUT = 5.0
"""Seconds for git to answer."""


def facts() -> str:
    """The version, and in brackets the commit if it is known, Python, Trio and the system."""
    known = commit()
    parts = [
        *([f"commit {known}"] if known else []),
        f"{platform.python_implementation()} {platform.python_version()}",
        f"trio {version('trio')}",
        f"{platform.system()} {platform.machine()}",
    ]
    return f"proxim {__version__} ({', '.join(parts)})"


def commit() -> str | None:
    """The commit this was made from: of a checkout, or as the installer noted it (PEP 610)."""
    return _of_checkout() if (_ROOT / ".git").exists() else _as_installed()


def _of_checkout() -> str | None:
    command = ["git", "-C", str(_ROOT), "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", timeout=_GIT_TIMEOUT, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _as_installed() -> str | None:
    try:
        noted = json.loads(distribution("proxim").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return None
    found = noted.get("vcs_info", {}).get("commit_id")
    return str(found)[:12] if found else None

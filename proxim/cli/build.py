"""The text of ``proxim --version``, for bug reports."""

from __future__ import annotations

import json
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from proxim.version import __version__

_ROOT = Path(__file__).parent.parent.parent
_GIT_TIMEOUT = 5.0
"""Seconds."""


def version_text() -> str:
    """Return the versions of Proxim, Python and Trio, the commit if it is known, and the system."""
    commit_id = commit()
    parts = [
        *([f"commit {commit_id}"] if commit_id else []),
        f"{platform.python_implementation()} {platform.python_version()}",
        f"trio {version('trio')}",
        f"{platform.system()} {platform.machine()}",
    ]
    return f"proxim {__version__} ({', '.join(parts)})"


def commit() -> str | None:
    """Return the commit of a checkout, or the one that the installer recorded (PEP 610)."""
    try:
        if (_ROOT / ".git").exists():
            command = ["git", "-C", str(_ROOT), "rev-parse", "--short=12", "HEAD"]
            return subprocess.check_output(
                command, stderr=subprocess.DEVNULL, encoding="utf-8", timeout=_GIT_TIMEOUT
            ).strip()
        recorded = json.loads(distribution("proxim").read_text("direct_url.json") or "{}")
    except (OSError, subprocess.SubprocessError, PackageNotFoundError, ValueError):
        return None
    commit_id = recorded.get("vcs_info", {}).get("commit_id")
    return str(commit_id)[:12] if commit_id else None

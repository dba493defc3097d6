"""Tests as if on another system: ``--system win32`` or ``--system darwin`` hides what it lacks.

What is hidden is hidden from `proxim` alone, in the test process and in every Python that the tests
start; the libraries go on using the real system. See `path/hidden.py`.
"""

import argparse
import os
import sys
from pathlib import Path

import pytest

SYSTEMS = ("win32", "darwin")
VARIABLE = "HIDDEN_SYSTEM"
"""Tells the processes that the tests start; `path/sitecustomize.py` reads it."""
PATH = Path(__file__).parent / "path"


def hide_if_asked():
    """Hide at once, before any module of `proxim` is imported, if the command line says so."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--system", choices=SYSTEMS)
    # A worker of xdist has another command line, and the variable from its parent.
    system = parser.parse_known_args()[0].system or os.environ.get(VARIABLE)
    if system is None or PATH in map(Path, sys.path):
        return
    assert "proxim" not in sys.modules
    os.environ[VARIABLE] = system
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(PATH), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    sys.path.insert(0, str(PATH))
    import hidden

    hidden.hide(system)


def current():
    """The system that these tests run on, or as if on."""
    return os.environ.get(VARIABLE) or sys.platform


def environ(system):
    """The variables that have a Python be as if on that system."""
    return {VARIABLE: system, "PYTHONPATH": str(PATH)}


def is_excused(report):
    """Whether a test was skipped for what the system of ``--system`` lacks, and so rightly."""
    hidden = os.environ.get(VARIABLE)
    return hidden is not None and report.longrepr[2].startswith(f"Skipped: {hidden}: ")


def skip_what_is_not_there(items):
    """Skip the tests that are marked ``not_on`` this system."""
    for item in items:
        for mark in item.iter_markers("not_on"):
            if current() in mark.args:
                reason = f"{current()}: {mark.kwargs['reason']}"
                item.add_marker(pytest.mark.skip(reason))

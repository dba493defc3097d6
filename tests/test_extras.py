"""The command that installs an extra works for each way in which Proxim can be installed."""

import importlib.util
import json
import shutil
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from proxim import extras
from proxim.extras import how_to_install, missing

WHEEL = "file:///home/me/dist/proxim-0.1.0-py3-none-any.whl"
REPOSITORY = {"vcs": "git", "commit_id": "0123456789abcdef"}


@pytest.fixture(autouse=True)
def pip_of_this_python(monkeypatch):
    """The shell finds the pip of this Python, and knows single quotes."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shutil, "which", lambda _: str(Path(sys.executable).with_name("pip")))


@pytest.mark.parametrize(
    ("record", "command"),
    [
        (None, "'proxim[lan]'"),
        ("[]", "'proxim[lan]'"),
        ("{", "'proxim[lan]'"),
        ({"url": WHEEL, "archive_info": {}}, f"'proxim[lan] @ {WHEEL}'"),
        ({"url": "file:///src/proxim", "dir_info": {}}, "'proxim[lan] @ file:///src/proxim'"),
        (
            {"url": "file:///my%20src/proxim", "dir_info": {"editable": True}},
            "-e '/my src/proxim[lan]'",
        ),
        (
            {"url": "https://git.example/proxim", "vcs_info": REPOSITORY},
            "'proxim[lan] @ git+https://git.example/proxim@0123456789abcdef'",
        ),
        ({"url": "file:///it's/proxim", "dir_info": {}}, "'proxim[lan]'"),
    ],
)
def test_command_names_what_proxim_was_installed_from(monkeypatch, record, command):
    text = record if record is None or isinstance(record, str) else json.dumps(record)
    monkeypatch.setattr(
        metadata, "distribution", lambda _: SimpleNamespace(read_text=lambda _: text)
    )
    assert how_to_install("lan") == f"pip install {command}"


def test_package_that_is_not_installed_is_installed_from_a_clone(monkeypatch):
    def distribution(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", distribution)
    assert str(missing("store", "store")) == (
        "store needs the extra store: pip install '.[store]' in a clone of Proxim"
    )


@pytest.fixture
def from_index(monkeypatch):
    monkeypatch.setattr(extras, "_record", dict)


def test_command_is_for_this_python_if_pip_belongs_to_another(monkeypatch, from_index):
    monkeypatch.setattr(sys, "executable", "/venv/bin/python")
    for pip in (None, "/usr/bin/pip"):
        monkeypatch.setattr(shutil, "which", lambda _, pip=pip: pip)
        assert how_to_install("rtc") == "/venv/bin/python -m pip install 'proxim[rtc]'"
    monkeypatch.setattr(sys, "executable", "/my venv/bin/python")
    assert how_to_install("rtc") == "'/my venv/bin/python' -m pip install 'proxim[rtc]'"


def test_command_without_pip_is_for_uv(monkeypatch, from_index):
    monkeypatch.setattr(sys, "executable", "/venv/bin/python")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    command = "uv pip install --python /venv/bin/python 'proxim[rtc]'"
    assert how_to_install("rtc") == command


def test_command_for_windows_has_double_quotes(monkeypatch, from_index):
    monkeypatch.setattr(sys, "platform", "win32")
    assert how_to_install("rtc") == 'pip install "proxim[rtc]"'

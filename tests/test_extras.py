"""The command that installs an extra works for each way in which Proxim can be installed."""

import json
from importlib import metadata
from types import SimpleNamespace

import pytest

from proxim.extras import how_to_install, missing

WHEEL = "file:///home/me/dist/proxim-0.1.0-py3-none-any.whl"
REPOSITORY = {"vcs": "git", "commit_id": "0123456789abcdef"}


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


def test_package_that_is_not_installed_has_its_plain_name(monkeypatch):
    def distribution(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", distribution)
    assert str(missing("store", "store")) == (
        "store needs the extra store: pip install 'proxim[store]'"
    )

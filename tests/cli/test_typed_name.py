"""Commands that help texts and errors name are called as the program was called."""

import os
import subprocess

import pytest

from tests.cli.helpers import PROXIM


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--help"], "serve"),
        (["join", "--help"], "join --to"),
        (["config", "--help"], "serve"),
        (["config", "show", "--help"], "serve"),
        (["serve", "--help"], "nodes"),
        (["join"], "host"),
        (["sessions", "close"], "sessions list"),
        (["devices", "forget"], "devices list"),
        (["devices", "rename", "Phone", "Tablet"], "devices list"),
        (["host", "--known-only", "--node", "{node}"], "host --remember NAME"),
    ],
)
def test_command_in_a_text_is_the_one_that_was_typed(arguments, named, environ, node):
    typed = os.path.relpath(PROXIM)
    line = [typed, *(each.format(node=node) for each in arguments)]
    done = subprocess.run(line, capture_output=True, text=True, env=environ)
    text = " ".join((done.stdout + done.stderr).split())
    assert f"`{typed} {named}" in text
    assert "`proxim" not in text


def test_version_behind_a_command_is_told_where_it_belongs(run):
    _, err, code = run("host", "--version")
    assert code == 2
    assert "type proxim --version" in " ".join(err.split())
    assert "Did you mean" not in err


def test_help_names_the_path_of_the_identity(run):
    out, _, _ = run("host", "--help", LOCALAPPDATA="here")  # On Windows it is always there.
    assert "identity.json]" in "".join(out.split())

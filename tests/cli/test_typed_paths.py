"""Paths that a person types behind `/send`."""

from pathlib import Path

import pytest

from proxim.cli.talk import _path


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("typed", ["~/a b.txt", "'~/a b.txt'", "~/a\\ b.txt"])
def test_home_of_the_person_is_found(typed, home):
    assert _path(typed) == home / "a b.txt"


@pytest.mark.parametrize("typed", ["~nosuchuser/x", "'~nosuchuser/x'"])
def test_home_of_an_unknown_user_stays_as_it_was_typed(typed):
    assert _path(typed) == Path("~nosuchuser/x")

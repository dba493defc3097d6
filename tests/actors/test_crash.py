import logging

from proxim.actors.crash import log_crash
from proxim.actors.pseudonym import pseudonym

log = logging.getLogger(__name__)


def fall():
    raise ValueError("hush")


def stumble():
    try:
        fall()
    except ValueError as error:
        raise KeyError("hush, too") from error


def test_a_crash_is_told_by_its_way_and_its_kind_and_never_by_its_words(caplog):
    try:
        stumble()
    except KeyError as error:
        log_crash(log, "it fell", error, "an id")
    (record,) = caplog.records
    lines = record.message.splitlines()
    assert lines[0] == "it fell"
    assert lines.index("ValueError") < lines.index("KeyError"), "what came first is told first"
    assert "in fall" in record.message
    assert "hush" not in record.message.replace('"hush', "")
    assert record.session == pseudonym("an id")

import logging

from proxim.actors.log import log_crash, log_id

log = logging.getLogger(__name__)


def fail():
    raise ValueError("hush")


def fail_with_cause():
    try:
        fail()
    except ValueError as error:
        raise KeyError("hush, too") from error


def test_crash_is_logged_with_its_traceback_and_without_its_text(caplog):
    try:
        fail_with_cause()
    except KeyError as error:
        log_crash(log, "it failed", error, "an id")
    (record,) = caplog.records
    lines = record.message.splitlines()
    assert lines[0] == "it failed"
    assert lines.index("ValueError") < lines.index("KeyError"), "the cause comes first"
    assert "in fail" in record.message
    assert "hush" not in record.message.replace('"hush', "")
    assert record.session == log_id("an id")

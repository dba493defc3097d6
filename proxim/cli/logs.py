"""How `proxim serve` logs. A library does not say how a program logs, so this is of the commands.

What is logged says so by the standard library; here it is given a form, by structlog.
"""

from __future__ import annotations

import logging
import signal
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import trio

if TYPE_CHECKING:
    from structlog.stdlib import ProcessorFormatter
    from structlog.types import Processor

Format = Literal["text", "json"]

log = logging.getLogger("proxim")

_FIELDS = ("session",)
"""What a line may carry besides its text: nothing else that code might attach gets out."""


def configure(level: str, form: Format) -> None:
    """Log to standard error at ``level``: lines for a person, or a JSON object on each line."""
    formatter = _Formatter(form)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
    log.setLevel(level.upper())
    if log.isEnabledFor(logging.DEBUG):
        formatter.prepare()


async def toggle_on_signal(*, task_status: trio.TaskStatus[None]) -> None:
    """Log at debug level after SIGUSR1, and after the next one as before. Windows has none."""
    if sys.platform == "win32":
        task_status.started()
        return
    usual = max(log.level, logging.INFO)
    with trio.open_signal_receiver(signal.SIGUSR1) as signals:
        task_status.started()
        async for _ in signals:
            level = logging.DEBUG if log.level > logging.DEBUG else usual
            log.setLevel(min(level, logging.INFO))
            log.info("the log level is now %s", logging.getLevelName(level).lower())
            log.setLevel(level)


class _Formatter(logging.Formatter):
    """structlog's formatter. It is slow to import, so this waits for something to be said."""

    def __init__(self, form: Format) -> None:
        super().__init__()
        self._form: Format = form

    def prepare(self) -> None:
        """Import it now: there will be much to be said."""
        self._made  # noqa: B018 - it is kept

    def format(self, record: logging.LogRecord) -> str:
        return self._made.format(record)

    @cached_property
    def _made(self) -> ProcessorFormatter:
        import structlog

        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.ExtraAdder(allow=_FIELDS),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(self._form),
            ],
        )


def _rendering(form: Format) -> list[Processor]:
    import structlog

    if form == "json":
        return [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    return [
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            pad_event_to=0,
            exception_formatter=structlog.dev.plain_traceback,
        ),
    ]

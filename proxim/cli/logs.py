"""The log output of `proxim serve`.

Every module logs with the standard library; structlog formats the records here. An application
that embeds a node configures its own logging.
"""

from __future__ import annotations

import logging
import signal
import sys
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec
import trio

if TYPE_CHECKING:
    from structlog.stdlib import ProcessorFormatter
    from structlog.types import Processor

Format = Literal["text", "json"]

log = logging.getLogger("proxim")

_FIELDS = ("session",)
"""The only extra fields of a record that are logged, whatever code attaches."""


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
    """Toggle the debug level on each SIGUSR1. Windows does not have this signal."""
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
    """structlog's formatter, imported with the first record, since the import is slow."""

    def __init__(self, form: Format) -> None:
        super().__init__("%(asctime)s [%(levelname)s] %(message)s", "%Y-%m-%d %H:%M:%S")
        self._form: Format = form

    def prepare(self) -> None:
        """Import structlog now."""
        self._formatter  # noqa: B018 - cached

    def format(self, record: logging.LogRecord) -> str:
        try:
            formatter = self._formatter
        except (OSError, ImportError):
            # No file descriptor is free to import structlog: the record may say just that.
            return self._format_plainly(record)
        return formatter.format(record)

    def _format_plainly(self, record: logging.LogRecord) -> str:
        record.levelname = record.levelname.lower()
        if self._form == "text":
            return super().format(record)
        time = datetime.fromtimestamp(record.created, UTC).isoformat()
        fields = {"event": record.getMessage(), "level": record.levelname, "timestamp": time}
        return msgspec.json.encode(fields).decode()

    @cached_property
    def _formatter(self) -> ProcessorFormatter:
        import structlog

        renderer: Processor
        if self._form == "json":
            time = structlog.processors.TimeStamper(fmt="iso", utc=True)
            renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
        else:
            time = structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False)
            renderer = structlog.dev.ConsoleRenderer(
                colors=sys.stderr is not None and sys.stderr.isatty(),
                pad_event_to=0,
                exception_formatter=structlog.dev.plain_traceback,
            )
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.ExtraAdder(allow=_FIELDS),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                time,
                renderer,
            ],
        )

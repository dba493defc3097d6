"""The view of `proxim status`: tables and sparklines."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from proxim.cli.labels import STATUSES, TYPES
from proxim.cli.scrape import Scrape
from proxim.cli.terminal import cell, printable

_BARS = "▁▂▃▄▅▆▇█"
_MIN_SPARKLINE = 8
_OUTCOMES = {
    "approved": "approved",
    "rejected": "declined",
    "timed_out": "not answered",
    "withdrawn": "cancelled",
    "lapsed": "code expired",
    "contested": "code used twice",
}


class _Line:
    """One line: a name, the latest value, and a sparkline in the rest of the width."""

    def __init__(self, name: str, unit: str, values: Sequence[float]) -> None:
        self._name, self._unit, self._values = name, unit, values

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        number = f"{_short(self._values[-1])}{self._unit}"
        head = Text.assemble((f"{self._name:<14}", "bold"), f"{number:>10}  ")
        width = options.max_width - head.cell_len
        if width >= _MIN_SPARKLINE:
            head.append(sparkline(self._values[-width:]), "cyan")
        head.truncate(options.max_width)
        yield head


def sparkline(values: Sequence[float]) -> str:
    """Return a bar for each value, the highest for the maximum, and a gap for NaN."""
    most = max((value for value in values if not math.isnan(value)), default=0.0)
    return "".join(_bar(value, most) for value in values)


def _bar(value: float, most: float) -> str:
    if math.isnan(value):
        return " "
    return _BARS[min(len(_BARS) - 1, int(value / most * len(_BARS)))] if most > 0 else _BARS[0]


def summary(scrapes: Sequence[Scrape]) -> dict[str, object]:
    """Return the values of the view for `--json`: rates per second, times in seconds."""
    now, before = scrapes[-1], scrapes[-2] if len(scrapes) > 1 else None
    return {
        "sessions": _sessions(now),
        "prompts": int(now.total("proxim_prompts")),
        "connections": int(now.total("proxim_connections")),
        "pairings": now.counts("proxim_pairings_total", "outcome"),
        "ended": now.counts("proxim_sessions_ended_total", "reason"),
        "refusals": now.counts("proxim_refusals_total", "limit"),
        "signals": int(now.total("proxim_signals_total")),
        "signals_per_second": now.rate(before, "proxim_signals_total"),
        "received_bytes_per_second": now.rate(before, "proxim_received_bytes_total"),
        "outbox_bytes": int(now.total("proxim_outbox_bytes")),
        "inbox_letters": int(now.total("proxim_inbox_letters")),
        "crashes": int(now.total("proxim_actor_crashes_total")),
        "memory_bytes": int(now.total("process_resident_memory_bytes")),
        "answer_seconds": now.duration,
    }


def _sessions(now: Scrape) -> dict[str, dict[str, int]]:
    return {
        kind: {
            status: int(now.total("proxim_sessions", type=kind, status=status))
            for status in STATUSES
        }
        for kind in now.counts("proxim_sessions", "type")
    }


def draw(url: str, scrapes: Sequence[Scrape], *, trouble: str = "") -> RenderableType:
    """Return the view of a node; the last of ``scrapes`` is the latest."""
    now = scrapes[-1]
    parts: list[RenderableType] = [_heading(url, now)]
    if trouble:
        parts.append(
            Text(f"Can't reach the node. These are its last values. {printable(trouble)}", "red")
        )
    parts += [Text(), _session_table(now), Text(), *_lines(scrapes), Text(), *_counts(now)]
    return Group(*parts)


def _heading(url: str, now: Scrape) -> Text:
    version = next(iter(now.counts("proxim_info", "version")), "?")
    memory = now.total("process_resident_memory_bytes")
    heading = Text.assemble(("Proxim ", "bold"), (printable(version), "bold"), f"  {url}")
    if memory:
        heading.append(f"  {_short(memory)}B", "dim")
    return heading


def _session_table(now: Scrape) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Sessions", style="bold", no_wrap=True, min_width=10)
    for status in STATUSES:
        table.add_column(STATUSES[status], justify="right")
    for kind, counts in _sessions(now).items():
        table.add_row(cell(TYPES.get(kind, kind)), *(str(counts[each]) for each in STATUSES))
    return table


def _lines(scrapes: Sequence[Scrape]) -> list[_Line]:
    def level(name: str) -> list[float]:
        return [each.total(name) for each in scrapes]

    def rate(name: str) -> list[float]:
        grown = [now.rate(before, name) for before, now in itertools.pairwise(scrapes)]
        return grown or [math.nan]

    return [
        _Line("connections", "", level("proxim_connections")),
        _Line("prompts", "", level("proxim_prompts")),
        _Line("signals", "/s", rate("proxim_signals_total")),
        _Line("received", "B/s", rate("proxim_received_bytes_total")),
        _Line("waiting", "B", level("proxim_outbox_bytes")),
        _Line("processor", "%", [100 * share for share in rate("process_cpu_seconds_total")]),
        _Line("answer", "ms", [1000 * each.duration for each in scrapes]),
    ]


def _counts(now: Scrape) -> list[Text]:
    pairings = now.counts("proxim_pairings_total", "outcome")
    text = ", ".join(f"{pairings.get(each, 0)} {name}" for each, name in _OUTCOMES.items())
    lines = [Text.assemble(("pairings  ", "bold"), text)]
    refusals = {each: n for each, n in now.counts("proxim_refusals_total", "limit").items() if n}
    if refusals:
        listed = ", ".join(
            f"{count} {printable(limit)}" for limit, count in sorted(refusals.items())
        )
        lines.append(Text.assemble(("refused   ", "bold"), listed))
    lines.append(Text.assemble(("late by   ", "bold"), _lateness(now)))
    if crashes := now.total("proxim_actor_crashes_total"):
        lines.append(Text(f"{int(crashes)} sessions crashed: see the log", "red"))
    return lines


def _lateness(now: Scrape) -> str:
    half = now.quantile("proxim_expiry_lateness_seconds", 0.5)
    most = now.quantile("proxim_expiry_lateness_seconds", 0.99)
    if math.isnan(half):
        return "– (no deadline has passed yet)"
    return (
        f"at most {half * 1000:g} ms at half of the deadlines, {most * 1000:g} ms at 99 % of them"
    )


def _short(value: float) -> str:
    """Return a number in about five characters: 12, 3.4k, 5.6M."""
    if math.isnan(value):
        return "–"
    for unit in ("", "k", "M", "G"):
        if abs(value) < 1000:
            return f"{value:.3g}{unit}" if value < 100 else f"{value:.0f}{unit}"
        value /= 1000
    return f"{value:.0f}T"

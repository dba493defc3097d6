"""Figures that were measured, as medians and as ratios."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

OURS, BASE, CEILING = "Proxim", "PeerJS", "bare C"
NAMES = (OURS, BASE, "ws relay", "y-webrtc", "websockets relay", CEILING)

GROWN = "growth, "
"""The beginning of the name of a measure of a node with many sessions in it."""

APPROVAL, BACK, TLS, SEALED = (
    "approval ",
    "clients come back, ",
    "TLS, CPU of ",
    "relay of an SDP, ",
)
"""The beginnings of the names of measures of these kinds."""

Whole = dict[str, Any]


def value(whole: Whole, measure: str, server: str) -> float:
    return median(whole["results"][measure][server])


def ratio(whole: Whole, measure: str, server: str, base: str = BASE) -> float | None:
    """Return the median of the ratios of all rounds.

    A round in which the base is 0, on a very busy machine, has none; None if no round has one.
    """
    return between(whole, (measure, server), (measure, base))


def between(whole: Whole, one: tuple[str, str], other: tuple[str, str]) -> float | None:
    """Return the same for any two measures, each of any server."""
    figures, bases = (whole["results"][measure][server] for measure, server in (one, other))
    ratios = [figure / base for figure, base in zip(figures, bases, strict=True) if base]
    return median(ratios) if ratios else None


def shown(number: float | None, digits: int = 2) -> str:
    return "–" if number is None else f"{number:.{digits}f}"


def worst(ratios: Iterable[float | None], pick: Callable[[list[float]], float]) -> float | None:
    """Return what ``pick``, min or max, makes of the ratios that there are."""
    there = [each for each in ratios if each is not None]
    return pick(there) if there else None


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(
        f"| {' | '.join(row)} |" for row in [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    )


def measures_of(whole: Whole, prefix: str) -> list[str]:
    return [measure for measure in whole["results"] if measure.startswith(prefix)]

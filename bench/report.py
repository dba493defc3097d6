"""The figures as medians, as ratios to those of PeerJS's server, and held against the goals.

    python bench/report.py bench/results.json      print it again

``docs/generate.py`` makes the tables and the chart of the documentation from the same file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from figures import (
    APPROVAL,
    BACK,
    BASE,
    CEILING,
    GROWN,
    NAMES,
    OURS,
    SEALED,
    TLS,
    Whole,
    between,
    measures_of,
    ratio,
    shown,
    table,
    value,
    worst,
)
from goals import goal_table

NOT_MEASURED = "Not measured yet: the next `make bench` does."


def _ratios(whole: Whole, measures: list[str], names: tuple[str, ...], strip: str) -> str:
    rows = []
    for measure in measures:
        there = whole["results"][measure]
        shares = [shown(ratio(whole, measure, name)) if name in there else "–" for name in names]
        shares[0] = f"**{shares[0]}**"
        rows.append([measure.removeprefix(strip), f"{value(whole, measure, BASE):,.0f}", *shares])
    return table(["", f"{BASE}, per second", *names], rows)


def throughput(whole: Whole) -> str:
    """Signals per second, as ratios to PeerJS's server."""
    prefix = "relay per_second: "
    return _ratios(whole, measures_of(whole, prefix), NAMES, prefix)


def rates(whole: Whole) -> str:
    """Handshakes and whole pairings per second, as ratios."""
    return _ratios(whole, ["handshakes per second", "cycles per second"], NAMES, "")


def latency(whole: Whole) -> str:
    """Median and 99th percentile of a signal's way, and CPU, in microseconds."""
    rows = []
    for measure in measures_of(whole, "relay p50_us: "):
        name = measure.removeprefix("relay p50_us: ")
        row = [name]
        for server in (OURS, BASE):
            row += [
                f"{value(whole, f'relay {figure}: {name}', server):,.1f}"
                for figure in ("p50_us", "p99_us", "cpu_us")
            ]
        rows.append(row)
    figures = [f"{server}, {figure}" for server in (OURS, BASE) for figure in ("p50", "p99", "CPU")]
    return table(["µs", *figures], rows)


def costs(whole: Whole) -> str:
    """Memory per idle connection, and the time to start."""
    measures = [*measures_of(whole, "kB per idle"), "start-up, ms"]
    rows = [
        [
            measure,
            *[
                f"{value(whole, measure, name):,.1f}" if name in whole["results"][measure] else "–"
                for name in NAMES
            ],
        ]
        for measure in measures
    ]
    return table(["", *NAMES], rows)


def own(whole: Whole) -> str:
    """What only Proxim has: sessions, and their exact end."""
    wanted = ("kB per pending", "sessions opened", "latest of", "a bystander")
    measures = [measure for measure in whole["results"] if measure.startswith(wanted)]
    return table(
        ["", "median", "worst"],
        [
            [
                measure,
                f"{value(whole, measure, OURS):,.1f}",
                f"{max(whole['results'][measure][OURS]):,.1f}",
            ]
            for measure in measures
        ],
    )


def growth(whole: Whole) -> str:
    """The same node with ever more sessions in it."""
    rows: dict[str, list[str]] = {}
    counts: list[str] = []
    for measure in measures_of(whole, GROWN):
        kind, _, count = measure.removeprefix(GROWN).rpartition(": ")
        rows.setdefault(kind, []).append(f"{value(whole, measure, OURS):,.1f}")
        if count not in counts:
            counts.append(count)
    heads = [f"{int(count.split()[0]):,} sessions" for count in counts]
    return table(["", *heads], [[kind, *cells] for kind, cells in rows.items()])


def approvals(whole: Whole) -> str:
    """From a guest's request until both sides know of the approval."""
    prefix, names = f"{APPROVAL}p50_us: ", (OURS, BASE, "ws relay")
    rows = []
    for measure in measures_of(whole, prefix):
        late = measure.replace("p50", "p99")
        row = [measure.removeprefix(prefix)]
        for name in names:
            row += [f"{value(whole, each, name) / 1000:.2f}" for each in (measure, late)]
        rows.append(row)
    if not rows:
        return NOT_MEASURED
    figures = [f"{name}, {figure}" for name in names for figure in ("p50", "p99")]
    return table(["pairings, ms", *figures], rows)


def storm(whole: Whole) -> str:
    """Many clients that come back at once."""
    rows = [
        [
            measure.removeprefix(BACK),
            *[f"{value(whole, measure, name):,.0f}" for name in (OURS, BASE)],
            f"**{shown(ratio(whole, measure, OURS))}**",
        ]
        for measure in measures_of(whole, BACK)
    ]
    return table(["clients", OURS, BASE, "ratio"], rows) if rows else NOT_MEASURED


def secured(whole: Whole) -> str:
    """What TLS costs a server, as ratios of its CPU time."""
    rows = []
    for measure in measures_of(whole, TLS):
        what, _, way = measure.removeprefix(TLS).partition(": ")
        if way == "tls":
            plain = f"{TLS}{what}: plain"
            shares = [
                shown(between(whole, (measure, name), (plain, name))) for name in (OURS, BASE)
            ]
            rows.append([what, *shares, f"**{shown(ratio(whole, measure, OURS))}**"])
    head = ["CPU", f"{OURS}, wss to ws", f"{BASE}, wss to ws", f"wss, {OURS} to {BASE}"]
    return table(head, rows) if rows else NOT_MEASURED


def sealing(whole: Whole) -> str:
    """How often a sealed signal is relayed while a plain one is relayed once."""
    if f"{SEALED}sealed" not in whole["results"]:
        return NOT_MEASURED
    share = between(whole, (f"{SEALED}sealed", OURS), (f"{SEALED}plain", OURS))
    return f"In the run of the tables above: {shown(share)} times."


def ceiling(whole: Whole) -> str:
    """Whether the load generator was ever what held a server up."""
    busiest = max(
        (value(whole, measure, name), name)
        for measure in measures_of(whole, "relay load_busy: ")
        for name in NAMES
        if name != CEILING
    )
    least = worst(
        (
            ratio(whole, measure, CEILING, name)
            for measure in measures_of(whole, "relay per_second: ")
            if "1 pair," not in measure
            for name in NAMES
            if name != CEILING
        ),
        min,
    )
    return (
        f"The load generator was busy for at most {busiest[0]:.0%} of the time (against "
        f"{busiest[1]}), and drives the bare relay in C at least {shown(least, 1)} times as fast "
        "as any server, wherever there is more than one pair."
    )


def machine(whole: Whole) -> str:
    it = whole["machine"]
    return (
        f"{it['processor']}, {it['cores']} cores, Linux {it['kernel']}; Python {it['python']} "
        f"{'with' if it['unmasked_in_c'] else 'without'} the extra `speed`, "
        f"Node {it['node']}; {it['date']}, {whole['plan']['rounds']} rounds."
    )


def text(whole: Whole) -> str:
    parts = [
        ("Signals per second, as a ratio to PeerJS's server", throughput(whole)),
        ("Handshakes, and whole pairings from the first to the last byte", rates(whole)),
        ("A signal's way", latency(whole)),
        ("From a guest's request until both know of the approval", approvals(whole)),
        ("Clients that come back at once", storm(whole)),
        ("TLS", secured(whole)),
        ("Costs", costs(whole)),
        ("Sessions", own(whole)),
        ("A sealed signal to a plain one", sealing(whole)),
        ("Growth", growth(whole)),
        ("Goals", goal_table(whole)),
    ]
    return "\n\n".join(f"## {title}\n\n{body}" for title, body in parts) + f"\n\n{ceiling(whole)}\n"


if __name__ == "__main__":
    print(text(json.loads(Path(sys.argv[1]).read_text())))

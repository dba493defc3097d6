"""The chart of the documentation: how often a server does something while PeerJS's does it once."""

from __future__ import annotations

from figures import BASE, NAMES, OURS, Whole, ratio, shown

SHOWN = {
    "relay per_second: candidate, 50 pairs, closed loop": "candidates, one at a time",
    "relay per_second: candidate, 50 pairs, 16 in flight": "candidates, in bursts",
    "relay per_second: SDP, 50 pairs, closed loop": "offers, one at a time",
    "relay per_second: SDP, 50 pairs, 16 in flight": "offers, in bursts",
    "handshakes per second": "handshakes",
}
SERVERS = NAMES[:-1]
BAR, GAP, LEFT, WIDTH, MOST = 13, 14, 260, 760, 4.0

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 11px; fill: #59636e }
.ours { fill: #0a7a5c } .base { fill: #9aa4af } .other { fill: #cfd6dd }
line { stroke: #d1d9e0 } .one { stroke: #59636e; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9198a1 }
  .ours { fill: #34c79a } .base { fill: #6e7781 } .other { fill: #3d444d }
  line { stroke: #30363d } .one { stroke: #9198a1 }
}"""


def draw(whole: Whole) -> str:
    """An SVG that follows the reader's light or dark."""
    scale = (WIDTH - LEFT - 60) / MOST
    block = BAR * len(SERVERS) + GAP
    height = block * len(SHOWN) + 46
    one = LEFT + scale
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Signals and handshakes per second, as ratios to {BASE}">',
        f"<style>{STYLE}\n</style>",
        f'<text x="{LEFT}" y="16" class="small">{BASE} = 1; longer is faster</text>',
    ]
    for number, (measure, name) in enumerate(SHOWN.items()):
        top = 28 + number * block
        parts.append(f'<text x="{LEFT - 106}" y="{top + 11}" text-anchor="end">{name}</text>')
        for row, server in enumerate(SERVERS):
            share, y = ratio(whole, measure, server), top + row * BAR
            kind = {OURS: "ours", BASE: "base"}.get(server, "other")
            long = min(share or 0, MOST) * scale
            parts += [
                f'<text x="{LEFT - 6}" y="{y + 10}" text-anchor="end" class="small">'
                f"{server}</text>",
                f'<rect x="{LEFT}" y="{y + 1}" width="{long:.1f}" height="{BAR - 2}" '
                f'class="{kind}"/>',
                f'<text x="{LEFT + long + 5:.1f}" y="{y + 10}" class="small">{shown(share)}</text>',
            ]
    parts += [
        f'<line class="one" x1="{one:.1f}" x2="{one:.1f}" y1="24" y2="{height - 18}"/>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"

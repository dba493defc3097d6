"""Whether strangers may use more of the node than its operator means."""

from __future__ import annotations

from collections.abc import Iterator

from proxim.doctor.result import CheckResult, warning
from proxim.settings import Settings
from proxim.settings.advice import advice, advice_for_public_nodes


def check(settings: Settings) -> Iterator[CheckResult]:
    """Yield a warning for each setting that may be meant otherwise."""
    for each in (*advice(settings), *advice_for_public_nodes(settings)):
        yield warning(each.setting, each.found, each.remedy)

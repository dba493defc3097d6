"""The results as text, JSON and JUnit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree

from proxim.conform.case import Case, Result, Role

_MARKS = {"passed": "✓", "failed": "✗", "skipped": "–"}


def line(result: Result) -> str:
    """Return one result as a line, with a second one that says what was wrong."""
    case = result.case
    needed = "" if case.needed == "required" else f" ({case.needed})"
    text = f"{_MARKS[result.outcome]} {case.id}{needed}: {case.summary}"
    return f"{text}\n    {where(case)}: {result.why}" if result.why else text


def where(case: Case) -> str:
    """Return the section of the page that a case is about."""
    return f"{case.page}.md, “{case.section}”"


def summary(results: Sequence[Result]) -> str:
    """Return the last line: how many passed, failed and were skipped."""
    counts = Counter(result.outcome for result in results)
    optional = sum(1 for each in results if each.outcome == "failed" and not each.case.required)
    text = f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped."
    return f"{text} {optional} of the failed are optional." if optional else text


def is_conforming(results: Sequence[Result]) -> bool:
    """Return whether no required case has failed."""
    return not any(each.outcome == "failed" and each.case.required for each in results)


def as_json(role: Role, results: Sequence[Result]) -> str:
    """Return the results as a JSON object."""
    cases = [
        {
            "id": case.id,
            "page": case.page,
            "section": case.section,
            "summary": case.summary,
            "required": case.required,
            "features": case.features,
            "outcome": outcome,
            "why": why,
            "seconds": round(seconds, 3),
        }
        for case, outcome, why, seconds in results
    ]
    whole = {"role": role, "conforming": is_conforming(results), "cases": cases}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def as_junit(role: Role, results: Sequence[Result]) -> str:
    """Return the results as JUnit XML. A failed optional case is skipped there."""
    counts = Counter(_junit_outcome(result) for result in results)
    suite = ElementTree.Element(
        "testsuite",
        name=f"proxim conform {role}",
        tests=str(len(results)),
        failures=str(counts["failure"]),
        skipped=str(counts["skipped"]),
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    for result in results:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"{result.case.page}: {result.case.section}",
            name=result.case.id,
            time=f"{result.seconds:.3f}",
        )
        if outcome := _junit_outcome(result):
            ElementTree.SubElement(case, outcome, message=result.why)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _junit_outcome(result: Result) -> str:
    if result.outcome == "failed" and result.case.required:
        return "failure"
    return "" if result.outcome == "passed" else "skipped"

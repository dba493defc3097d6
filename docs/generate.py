"""Writes the parts of the documentation that are made from the code.

    python docs/generate.py           write them
    python docs/generate.py --check   fail if one of them is not what the code says

A generated part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import difflib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import get_args

import msgspec
from msgspec import inspect as kinds
from prometheus_client.parser import text_string_to_metric_families

from proxim import aio, client, rtc, sync
from proxim.metrics import exposition
from proxim.node import Node
from proxim.protocol import fields, messages, schema
from proxim.protocol.errors import REQUEST_ERRORS
from proxim.protocol.link import JoinUrl
from proxim.session.session import RULES, State
from proxim.settings import SETTINGS

DOCS = Path(__file__).parent
BENCH = DOCS.parent / "bench"
sys.path[:0] = [str(BENCH), str(DOCS)]

import chart  # noqa: E402
import manual  # noqa: E402
import python_api  # noqa: E402
import report  # noqa: E402

_PART = re.compile(r"(<!-- generated: (?P<name>[\w.-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

_HOST = {"Register", "CreateSession", "RenewLink", "PairDecision", "PairAck", "ListSessions"}
_GUEST = {"PairRequest", "PairCancel", "Resume"}
_PATTERNS = {
    fields.Uuid.__metadata__[0].pattern: "1–64 of `A-Za-z0-9._:-`",
    fields.Key.__metadata__[0].pattern: "22–128 base64url characters",
    fields.TokenHash.__metadata__[0].pattern: "43 base64url characters",
    fields.Nonce.__metadata__[0].pattern: "43 base64url characters",
    fields.Code.__metadata__[0].pattern: "three digits, 100–999",
    JoinUrl.__metadata__[0].pattern: "an http or https URL of at most 256 characters",
}


# -- messages --------------------------------------------------------------------------------


def message_table(structs: Iterable[type[msgspec.Struct]]) -> str:
    rows = ["| type | fields | meaning |", "| --- | --- | --- |"]
    for struct in structs:
        tag = struct.__struct_config__.tag
        fields = ", ".join(
            describe_field(field) for field in kinds.type_info(struct).fields if field.name != "ref"
        )
        rows.append(f"| `{tag}` | {fields or '–'} | {prose(struct)} |")
    return "\n".join(rows)


def describe_field(field: kinds.Field) -> str:
    kind, optional = field.type, not field.required
    if isinstance(kind, kinds.UnionType):
        members = [each for each in kind.types if not isinstance(each, kinds.NoneType)]
        nullable = any(isinstance(each, kinds.NoneType) for each in kind.types)
        words = " or ".join(filter(None, map(describe_kind, members)))
        if nullable and not optional:
            words += " or null"
    else:
        words = describe_kind(kind)
    mark = "?" if optional else ""
    return f"`{field.name}`{mark}" + (f" ({words})" if words else "")


def describe_kind(kind: kinds.Type) -> str:
    match kind:
        case kinds.StrType(pattern=fields.BASE64URL, max_length=most):
            return f"at most {most} base64url characters"
        case kinds.StrType(pattern=str(pattern)):
            return _PATTERNS[pattern]
        case kinds.StrType(min_length=None, max_length=None):
            return ""
        case kinds.StrType(min_length=least, max_length=most):
            return f"{least}–{most} characters" if least else f"at most {most} characters"
        case kinds.FloatType(gt=None):
            return "seconds"
        case kinds.FloatType(le=most):
            return f"seconds, above 0 and at most {most:.0f}"
        case kinds.LiteralType(values=values) | kinds.EnumType(cls=values):
            return ", ".join(f"`{value}`" for value in values)
        case kinds.BoolType():
            return "true or false"
        case kinds.IntType():
            return "integer"
        case kinds.DateTimeType():
            return "RFC 3339 UTC"
        case kinds.ListType(item_type=item):
            inner = describe_kind(item)
            return f"list of {inner}" if inner else "list"
        case kinds.StructType(cls=cls):
            names = ", ".join(f"`{field}`" for field in cls.__struct_fields__)
            return "session object" if cls is messages.SessionInfo else f"object of {names}"
        case kinds.RawType():
            return "any JSON value"
    raise TypeError(f"no words for {kind}")


def prose(struct: type) -> str:
    text = " ".join((inspect.getdoc(struct) or "").split())
    return text.replace("``", "`")


def session_object() -> str:
    rows = ["| field | value |", "| --- | --- |"]
    for field in kinds.type_info(messages.SessionInfo).fields:
        name, _, words = describe_field(field).partition(" ")
        rows.append(f"| {name} | {words.strip('()') or 'text'} |")
    return "\n".join(rows)


def error_table() -> str:
    rows = ["| code | when |", "| --- | --- |"]
    rows += [f"| `{code}` | {prose(error)} |" for code, error in REQUEST_ERRORS.items()]
    return "\n".join(rows)


# -- the machine -----------------------------------------------------------------------------


def state_diagram() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> pending"]
    for state, rules in RULES.items():
        arrows: dict[State, list[str]] = {}
        for event, rule in rules.items():
            for target in rule.leads_to:
                arrows.setdefault(target, []).append(event.__name__)
        lines += [
            f"    {state.name.lower()} --> {target.name.lower()}: {', '.join(names)}"
            for target, names in arrows.items()
        ]
    return "\n".join([*lines, "    ended --> [*]", "```"])


def state_table() -> str:
    states = list(RULES)
    rows = [
        "| event | " + " | ".join(state.name.lower() for state in states) + " |",
        "| --- |" + " --- |" * len(states),
    ]
    for event in RULES[states[0]]:
        cells = []
        for state in states:
            rule = RULES[state][event]
            cell = rule.decide.__name__.strip("_").replace("_", " ")
            goes = ", ".join(target.name.lower() for target in rule.leads_to)
            cells.append(f"{cell} → {goes}" if goes else cell)
        rows.append(f"| `{event.__name__}` | " + " | ".join(cells) + " |")
    return "\n".join(rows)


# -- the Python SDK --------------------------------------------------------------------------


def forms_table() -> str:
    """The methods of the SDK, and how each is called in Trio, in asyncio and in plain scripts."""
    modules = (client, aio, sync)
    rows = [
        "| | " + " | ".join(f"`{module.__name__}`" for module in modules) + " |",
        "| --- |" + " --- |" * len(modules),
    ]
    for name in ("Host", "HostSession", "Prompt", "Guest", "Channel"):
        trio_module = rtc if name == "Channel" else client
        classes = [getattr(module, name) for module in (trio_module, aio, sync)]
        for method, _ in inspect.getmembers(classes[-1], inspect.isfunction):
            if not method.startswith("_"):
                ways = [way_to_call(getattr(class_, method, None)) for class_ in classes]
                rows.append(f"| `{name}.{method}` | " + " | ".join(ways) + " |")
    return "\n".join(rows)


def way_to_call(method: Callable[..., object] | None) -> str:
    if method is None:
        return "–"
    if inspect.isasyncgenfunction(method):
        return "`async for`"
    if inspect.iscoroutinefunction(method):
        return "`await`"
    if inspect.isgeneratorfunction(method):
        return "`for`"
    return "call, with `timeout`" if "timeout" in inspect.signature(method).parameters else "call"


# -- settings --------------------------------------------------------------------------------


def settings_table() -> str:
    rows = ["| option | environment | in the file | default | meaning |", "| --- |" + " --- |" * 4]
    for setting in SETTINGS:
        default = setting.default
        shown = (
            "–"
            if default in (None, ())
            else f"`{default:g}`"
            if isinstance(default, float)
            else (f"`{str(default).lower() if isinstance(default, bool) else default}`")
        )
        unit = f" ({setting.metavar.lower()})" if setting.metavar in ("SECONDS", "BYTES") else ""
        rows.append(
            f"| `{setting.flag}` | `{setting.variable}` | `{setting.name}` | {shown} "
            f"| {setting.help.text}{unit} |"
        )
    return "\n".join(rows)


# -- metrics ---------------------------------------------------------------------------------


def metrics_table() -> str:
    """Every metric of a node that has just been made."""
    node = Node(store="sqlite:////nowhere/sessions.db", store_key="k" * 32)
    text = exposition(node.supervisor, node.net_stats)
    families = text_string_to_metric_families(text)
    rows = ["| metric | labels | meaning |", "| --- | --- | --- |"]
    for family in families:
        if family.name.startswith(("proxim_", "process_")) and not family.name.endswith("_created"):
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            shown = ", ".join(f"`{label}`" for label in sorted(labels))
            rows.append(f"| `{name}` | {shown} | {family.documentation} ({family.type}) |")
    return "\n".join(rows)


# -- measurements ----------------------------------------------------------------------------


def measurements() -> dict[str, str]:
    """What `make bench` measured last, as it is kept beside the benchmark."""
    whole = json.loads((BENCH / "results.json").read_text(encoding="utf-8"))
    kinds = (
        *("ceiling", "machine", "throughput", "latency", "rates", "costs", "own", "growth"),
        *("approvals", "storm", "secured", "sealing"),
    )
    tables = {f"bench-{kind}": getattr(report, kind)(whole) for kind in kinds}
    return {**tables, "bench-goals": report.goal_table(whole)}


def pictures() -> dict[Path, str]:
    whole = json.loads((BENCH / "results.json").read_text(encoding="utf-8"))
    return {DOCS / "explanation" / "performance.svg": chart.draw(whole)}


# -- all of it -------------------------------------------------------------------------------


def parts() -> dict[str, str]:
    clients = get_args(messages.ClientMessage)
    nodes = [each for each in get_args(messages.NodeMessage) if each is not messages.Signal]
    return {
        "host-to-node": message_table(each for each in clients if each.__name__ in _HOST),
        "guest-to-node": message_table(each for each in clients if each.__name__ in _GUEST),
        "both-to-node": message_table(
            each for each in clients if each.__name__ not in _HOST | _GUEST
        ),
        "node-to-client": message_table(nodes),
        "session-object": session_object(),
        "errors": error_table(),
        "state-diagram": state_diagram(),
        "state-table": state_table(),
        "python-forms": forms_table(),
        "settings": settings_table(),
        "metrics": metrics_table(),
        **measurements(),
    }


def renew(text: str) -> str:
    contents = parts()

    def content(name: str) -> str:
        if not name.startswith("proxim."):
            return contents[name]
        describe = python_api.errors if name.endswith(".errors") else python_api.describe
        return describe(name)

    return _PART.sub(lambda part: f"{part[1]}{content(part['name'])}\n{part[3]}", text)


def main(arguments: list[str]) -> int:
    drifted = False
    pages = {page: renew(page.read_text(encoding="utf-8")) for page in sorted(DOCS.rglob("*.md"))}
    made = {
        DOCS / "man" / "proxim.1": manual.page(),
        DOCS / "reference" / "schema.json": schema.text(),
    }
    for page, new in {**pages, **pictures(), **made}.items():
        old = page.read_text(encoding="utf-8") if page.exists() else ""
        if new == old:
            continue
        drifted = True
        if "--check" in arguments:
            names = (f"{page} as it is", f"{page} as the code says")
            print("\n".join(difflib.unified_diff(old.split("\n"), new.split("\n"), *names, n=0)))
        else:
            page.parent.mkdir(exist_ok=True)
            page.write_text(new, encoding="utf-8")
            print(f"written: {page}")
    return 1 if drifted and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

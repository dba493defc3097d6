"""The Python API as Markdown, made from the signatures and docstrings of the package."""

from __future__ import annotations

import re
import textwrap
from functools import cache
from pathlib import Path

import griffe

_ROOT = Path(__file__).parent.parent
_HIDDEN = {"hear", "learn", "finish", "take_link"}
"""Methods without an underscore that only other modules of the package call."""

_DESCRIBED = {"HostSession"}
"""Bases that a page describes, so that it need not do so again for each class made of them."""

_LITERAL = re.compile(r"::\n\n(?P<block>(?:[ ]{4}.*(?:\n|$)|\n(?=\n*[ ]{4}))+)")
"""``::`` and an indented block."""


def describe(path: str) -> str:
    """Return what ``path`` (``proxim.client.Host``, say) is, with all its public members.

    Of a module it is the docstring alone. A class gets a heading of its own for each member.
    """
    found = _package()[path.removeprefix("proxim.")]
    thing = found.final_target if isinstance(found, griffe.Alias) else found
    if isinstance(thing, griffe.Module):
        return _prose(thing)
    parts = [f"### `{path}`", _signature(thing), _prose(thing)]
    for name, member in _members(thing).items():
        target = member.final_target if isinstance(member, griffe.Alias) else member
        if target.docstring and not name.startswith("_") and name not in _HIDDEN:
            parts += [f"#### `{thing.name}.{name}`", _signature(target), _prose(target)]
    return "\n\n".join(filter(None, parts))


def _members(thing: griffe.Object) -> dict[str, griffe.Object | griffe.Alias]:
    """Return the members of a class; those of a base that has its own description are left out."""
    if not isinstance(thing, griffe.Class):
        return {}
    is_described = any(str(base) in _DESCRIBED for base in thing.bases)
    return thing.members if is_described else thing.all_members


def errors(path: str) -> str:
    """Return a table of the exceptions that the module ``path`` defines."""
    rows = ["| exception | meaning |", "| --- | --- |"]
    for name, thing in _package()[path.removeprefix("proxim.")].members.items():
        if isinstance(thing, griffe.Class) and not name.startswith("_"):
            rows.append(f"| `{name}` | {' '.join(_prose(thing).split())} |")
    return "\n".join(rows)


@cache
def _package() -> griffe.Object | griffe.Alias:
    return griffe.load("proxim", search_paths=[_ROOT])


def _signature(thing: griffe.Object) -> str:
    if isinstance(thing, griffe.Function):
        shown = thing.signature(name=thing.name).replace("(self, ", "(").replace("(self)", "()")
        code = f"{'async ' * ('async' in thing.labels)}def {shown}"
    elif isinstance(thing, griffe.Class):
        bases = ", ".join(str(each) for each in thing.bases if str(each) != "Struct")
        code = f"class {thing.name}({bases})" if bases else f"class {thing.name}"
    else:
        annotation = getattr(thing, "annotation", None)
        code = f"{thing.name}: {annotation}" if annotation else thing.name
    return f"```python\n{code}\n```"


def _prose(thing: griffe.Object) -> str:
    text = thing.docstring.value if thing.docstring else ""
    return _LITERAL.sub(_fence, text.replace("``", "`")).strip()


def _fence(literal: re.Match[str]) -> str:
    block = textwrap.dedent(literal["block"]).strip("\n")
    language = "text" if re.search("[├└]", block) else "python"
    return f"\n\n```{language}\n{block}\n```\n"

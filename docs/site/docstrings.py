"""How the docstrings of the package read as Markdown."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe

#: ``::`` and an indented block, as Python's own docstrings have it.
_LITERAL = re.compile(r"::\n\n(?P<block>(?:[ ]{4}.*(?:\n|$)|\n(?=\n*[ ]{4}))+)")


def markdown(docstring: str) -> str:
    def fence(literal: re.Match[str]) -> str:
        block = textwrap.dedent(literal["block"]).strip("\n")
        language = "text" if re.search("[├└]", block) else "python"
        return f"\n\n```{language}\n{block}\n```\n"

    return _LITERAL.sub(fence, docstring).strip()


class Docstrings(griffe.Extension):
    """Turns literal blocks into fenced ones."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)

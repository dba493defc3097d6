"""The files of the pages and of the browser SDK (protocol: HTTP)."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from functools import cache
from html import escape
from http import HTTPStatus
from pathlib import Path

from msgspec import structs

from proxim.net.http import Request, Response

_WEB = Path(__file__).parent.parent / "web"
_PAGES = _WEB / "pages"

_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}

_NAMED = {
    "/": _PAGES / "host.html",
    "/join": _PAGES / "join.html",
    "/proxim.js": _WEB / "proxim.js",
    # Only a sealed session loads these. They lie where the SDK's modules import them from.
    "/sdk/known/index.js": _WEB / "sdk" / "known" / "index.js",
    "/sdk/seal/ed25519.js": _WEB / "sdk" / "seal" / "ed25519.js",
    "/sdk/seal/index.js": _WEB / "sdk" / "seal" / "index.js",
    "/sdk/seal/qr.js": _WEB / "sdk" / "seal" / "qr.js",
    "/vendor/ed25519.js": _WEB / "vendor" / "ed25519.js",
    "/vendor/seal.js": _WEB / "vendor" / "seal.js",
    "/vendor/qr.js": _WEB / "vendor" / "qr.js",
}
_SCRIPTS = {_PAGES / "host.js", _PAGES / "join.js"}
_JOINED = {
    _NAMED[f"/{name}.js"] for name in ("proxim", "sdk/known/index", "sdk/seal/index")
} | _SCRIPTS
"""Modules that are served together with those that they import."""

_SDK = {path for path in _NAMED.values() if path.suffix == ".js"}
"""What pages of other origins may import."""

_SPOILED_LINK = _PAGES / "spoiled.html"
_MISSING = _PAGES / "missing.html"

_REFERENCE = re.compile(r'( (?:src|href)=")(?=web/|proxim\.js"|")')
"""What stands in a page before the path of a file of the node."""

_COMMENT = re.compile(r"^[ \t]*(?://.*|/\*\*(?:(?!\*/)[\s\S])*\*/)\n", re.MULTILINE)
"""A comment that has its lines for itself."""
_CAST = re.compile(r"/\*\* @type .*?\*/ ?")
"""A type in the middle of a line."""
_INDENT = re.compile(r"^\s+", re.MULTILINE)
_CSS_COMMENT = re.compile(r"/\*[\s\S]*?\*/")
_AROUND = re.compile(r"\s*([{};,])\s*")
"""Characters of a style sheet that need no space around them; a colon in a selector does."""
_FROM = re.compile(r'^(import|export) \{([^}]*)\} from "(\./.+)";\n', re.MULTILINE)
_FROM_OUTSIDE = re.compile(r'^(?:import|export) \{([^}]*)\} from "(\.\./.+)";\n', re.MULTILINE)
"""An import from a folder above: of the SDK, or of what is vendored."""
_LATER = re.compile(r'\bimport\("(\..+?)"\)')
_EXPORT = re.compile(r"^export (?=async|class|const|function|let)", re.MULTILINE)

_CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # The QR code is a data URL, so that its link is never fetched.
        "img-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # No code can turn text into markup or script.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)


def paths() -> list[str]:
    """Return the path of every file."""
    return sorted(_files())


def answer(request: Request, *, prefix: str) -> Response:
    """Return the file at a path of ``paths``, or 304 if the client has it (RFC 9110, 13.1.2).

    With ``prefix``, the path of the node's URL, the references in a page are absolute. So the page
    works also at a URL that lacks the slash at its end.
    """
    return _answer_with(_files()[request.path], request, prefix or None)


def answer_spoiled_link(request: Request, *, prefix: str) -> Response:
    """Return the page that says that a scanner has changed a link."""
    return _answer_with(_SPOILED_LINK, request, prefix)


def answer_missing(request: Request, *, prefix: str) -> Response:
    """Return 404: a page with a link to the start for a browser, and a line for other programs."""
    accepted = (each.partition(";")[0].strip().lower() for each in request.tokens(b"accept"))
    if "text/html" not in accepted:
        return Response(HTTPStatus.NOT_FOUND, "Not found.\n")
    response, _ = _read(_MISSING, any(map(_takes_gzip, request.tokens(b"accept-encoding"))), prefix)
    return structs.replace(response, status=HTTPStatus.NOT_FOUND)


def _answer_with(path: Path, request: Request, prefix: str | None) -> Response:
    takes_gzip = any(_takes_gzip(each) for each in request.tokens(b"accept-encoding"))
    response, tag = _read(path, takes_gzip, prefix)
    known = request.tokens(b"if-none-match")
    if any(each.removeprefix("W/") == tag for each in known) or known == ["*"]:
        return structs.replace(response, status=HTTPStatus.NOT_MODIFIED, body=b"")
    return response


def join_modules(entry: Path) -> bytes:
    """Return the ES module ``entry`` and those that it imports as one module, without comments.

    The modules share one scope then: a name at the top level is declared in one of them only. What
    they import from a folder above ``entry``, or with ``import()``, stays a module of its own.
    """
    texts: dict[Path, str] = {}
    outside: dict[str, dict[str, None]] = {}

    def add(path: Path) -> None:
        text = _COMMENT.sub("", path.read_text(encoding="utf-8"))

        def from_entry(target: str) -> str:
            relative = os.path.relpath(path.parent / target, entry.parent).replace(os.sep, "/")
            return relative if relative.startswith(".") else f"./{relative}"

        for _, _, target in _FROM.findall(text):
            module = path.parent / target
            if module not in texts:
                add(module)
        for names, target in _FROM_OUTSIDE.findall(text):
            outside.setdefault(from_entry(target), {}).update(dict.fromkeys(_split(names)))
        text = _EXPORT.sub("", _FROM_OUTSIDE.sub("", _FROM.sub("", text)))
        texts[path] = _LATER.sub(lambda found: f'import("{from_entry(found[1])}")', text)

    add(entry)
    text = entry.read_text(encoding="utf-8")
    exports = [names for kind, names, _ in _FROM.findall(text) if kind == "export"]
    lines = [f'import {{ {", ".join(names)} }} from "{path}";' for path, names in outside.items()]
    lines += texts.values()
    if exports:
        lines.append(f"export {{ {', '.join(_split(','.join(exports)))} }};\n")
    return "\n".join(lines).encode()


def module_at(path: Path) -> bytes:
    """Return a module as it is served: joined, without types and indentation, which nobody runs."""
    text = _CAST.sub("", join_modules(path).decode())
    return _INDENT.sub("", text).encode()


def _split(names: str) -> list[str]:
    return [name for each in names.split(",") if (name := each.strip())]


def _takes_gzip(coding: str) -> bool:
    name, _, weight = coding.replace(" ", "").partition(";")
    return name.lower() == "gzip" and weight.lower().rstrip("0.") != "q="


@cache
def _files() -> dict[str, Path]:
    """Return all files by path: no part of a request ever becomes a file name."""
    served = (path for path in _PAGES.iterdir() if path.suffix in _CONTENT_TYPES)
    modules = {path for path in _PAGES.glob("*.js") if path not in _SCRIPTS}
    named = {*_NAMED.values(), _SPOILED_LINK, _MISSING, *modules}
    return {f"/web/{path.name}": path for path in served if path not in named} | _NAMED


@cache
def _read(path: Path, gzipped: bool, prefix: str | None) -> tuple[Response, str]:
    """Return a file and its tag. It is read at the first request, to keep the start short."""
    # One file is loaded sooner than many: a connection is closed after its response.
    body = module_at(path) if path in _JOINED else path.read_bytes()
    # Comments and indentation cost time on the way, and nobody reads them.
    if path.suffix == ".css":
        body = _AROUND.sub(r"\1", _CSS_COMMENT.sub("", body.decode())).encode()
    if path.suffix == ".html":
        body = _INDENT.sub("", body.decode()).encode()
    if path.suffix == ".html" and prefix is not None:
        root = f"{escape(prefix)}/"
        body = _REFERENCE.sub(lambda start: start[1] + root, body.decode()).encode()
    coding: tuple[tuple[str, str], ...] = ()
    if gzipped:
        body = gzip.compress(body, mtime=0)
        coding = (("Content-Encoding", "gzip"),)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    response = Response(
        HTTPStatus.OK,
        body,
        content_type=_CONTENT_TYPES[path.suffix],
        headers=(
            ("ETag", tag),
            ("Vary", "Accept-Encoding"),
            ("Content-Security-Policy", _CONTENT_SECURITY_POLICY),
            # For browsers that know no frame-ancestors.
            ("X-Frame-Options", "DENY"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            *((("Access-Control-Allow-Origin", "*"),) if path in _SDK else ()),
            *coding,
        ),
        # A browser asks each time, so that a page and its scripts have the same version.
        cache_control="no-cache",
        # Pages of any origin may import the SDK; which of them may connect is for allow_origin.
        resource_policy="cross-origin" if path in _SDK else "same-origin",
    )
    return response, tag

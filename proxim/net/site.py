"""The node's answers to plain HTTP requests (protocol: HTTP)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from urllib.parse import urlsplit

from msgspec import structs

from proxim.net import pages
from proxim.net.http import Request, Response
from proxim.protocol import schema

_Answers = dict[str, Callable[[Request], Response]]

_SPOILED_LINK = re.compile(r"/join/?%(25)*23.*", re.IGNORECASE)
"""A link whose ``#`` a scanner has encoded, once or several times."""


class Site:
    """Answers plain HTTP: the pages and the endpoints for machines, except ``/ws``.

    ``url`` is that of the node; proxies may remove its path from requests, or not. ``trouble``
    returns why a load balancer should not use the node now; empty if it may.
    """

    def __init__(
        self,
        url: str,
        *,
        is_leaving: Callable[[], bool],
        trouble: Callable[[], str],
        metrics: Callable[[], str],
        has_metrics_port: bool = False,
    ) -> None:
        self._is_leaving = is_leaving
        self._trouble = trouble
        self._metrics = metrics
        self._has_metrics_port = has_metrics_port
        self._prefix = prefix = urlsplit(url).path.rstrip("/")
        probes: _Answers = {"/healthz": self._health, "/readyz": self._ready}
        self._answers: _Answers = {
            **dict.fromkeys(pages.paths(), partial(pages.answer, prefix=prefix)),
            **probes,
            "/schema.json": _schema,
            "": partial(_redirect, f"{prefix}/"),
            # Relative, so that it is right also where a proxy has removed a prefix.
            "/join/": partial(_redirect, "../join"),
        }
        self._metrics_port_answers: _Answers = probes | {"/metrics": self._scrape}

    def without_prefix(self, request: Request) -> Request:
        """Return a request with its path below the node's URL."""
        if self._prefix and f"{request.path}/".startswith(f"{self._prefix}/"):
            return structs.replace(request, path=request.path.removeprefix(self._prefix))
        return request

    def answer(self, request: Request, *, is_local: bool = False) -> Response:
        """Return the response to a request; only local clients get ``/metrics``."""
        if _SPOILED_LINK.fullmatch(request.path):
            spoiled = partial(pages.answer_spoiled_link, prefix=self._prefix)
            return _answer({request.path: spoiled}, request)
        if request.path == "/metrics" and not self._has_metrics_port:
            return _answer({"/metrics": self._scrape if is_local else _metrics_forbidden}, request)
        if request.path not in self._answers:
            return pages.answer_missing(request, prefix=self._prefix)
        return _answer(self._answers, request)

    def answer_metrics(self, request: Request) -> Response:
        """Return the response to a request on the metrics port."""
        return _answer(self._metrics_port_answers, request)

    def _health(self, _request: Request) -> Response:
        if self._is_leaving():
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, "draining\n")
        return Response(HTTPStatus.OK, "ok\n")

    def _ready(self, _request: Request) -> Response:
        if self._is_leaving():
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, "draining\n")
        if trouble := self._trouble():
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, f"{trouble}\n")
        return Response(HTTPStatus.OK, "ready\n")

    def _scrape(self, _request: Request) -> Response:
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(HTTPStatus.OK, self._metrics(), content_type=kind)


def _answer(answers: _Answers, request: Request) -> Response:
    if request.path not in answers:
        return Response(HTTPStatus.NOT_FOUND, "Not found.\n")
    if request.method not in ("GET", "HEAD"):
        return method_not_allowed()
    return answers[request.path](request)


def _schema(_request: Request) -> Response:
    # Pages of all origins may read it: it says nothing about this node.
    return Response(
        HTTPStatus.OK,
        schema.text(),
        content_type="application/schema+json",
        headers=(("Access-Control-Allow-Origin", "*"),),
        resource_policy="cross-origin",
    )


def _redirect(target: str, _request: Request) -> Response:
    # A browser keeps the fragment of a link, since the target has none (RFC 9110, 10.2.2).
    headers = (("Location", target),)
    return Response(HTTPStatus.PERMANENT_REDIRECT, f"See {target}\n", headers=headers)


def _metrics_forbidden(_request: Request) -> Response:
    return Response(
        HTTPStatus.FORBIDDEN,
        "Refused: only this machine may read the metrics, and not through a proxy. "
        "Set metrics_listen to serve them to others.\n",
    )


def method_not_allowed() -> Response:
    """Return the response to a method other than GET and HEAD, which every path has."""
    return Response(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "Method not allowed. Use GET, HEAD.\n",
        headers=(("Allow", "GET, HEAD"),),
    )

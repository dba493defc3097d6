"""The node's answers to plain HTTP requests (protocol: HTTP)."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from proxim.net import pages
from proxim.net.http import Request, Response

_Answers = dict[str, Callable[[Request], Response]]


class Site:
    """Answers plain HTTP: the pages and the endpoints for machines, except ``/ws``.

    ``trouble`` returns why a load balancer should not use the node now; empty if it may.
    """

    def __init__(
        self,
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
        probes: _Answers = {"/healthz": self._health, "/readyz": self._ready}
        self._answers: _Answers = dict.fromkeys(pages.paths(), pages.answer) | probes
        self._metrics_port_answers: _Answers = probes | {"/metrics": self._scrape}

    def answer(self, request: Request, *, is_local: bool = False) -> Response:
        """Return the response to a request; only local clients get ``/metrics``."""
        if request.path == "/metrics" and not self._has_metrics_port:
            return _answer({"/metrics": self._scrape if is_local else _metrics_forbidden}, request)
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

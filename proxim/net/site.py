"""What the node answers to plain HTTP (protocol: HTTP)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from proxim.net import pages
from proxim.net.http import Request, Response


class Site:
    """The pages and the endpoints for machines. ``/ws`` is not here: it is no page.

    ``trouble`` says why the node should be sent nobody for now; empty, if it may.
    """

    def __init__(
        self,
        *,
        is_draining: Callable[[], bool],
        trouble: Callable[[], str],
        metrics: Callable[[], str],
        has_aside: bool = False,
    ) -> None:
        self._is_draining = is_draining
        self._trouble = trouble
        self._metrics = metrics
        self._has_aside = has_aside
        self._answers: dict[str, Callable[[Request], Response]] = {
            **dict.fromkeys(pages.paths(), pages.answer),
            "/healthz": self._health,
            "/readyz": self._ready,
        }
        self._answers_aside: dict[str, Callable[[Request], Response]] = {
            "/healthz": self._health,
            "/readyz": self._ready,
            "/metrics": self._scrape,
        }

    def answer(self, request: Request, *, is_local: bool = False) -> Response:
        """The response to any request but one for ``/ws``; ``/metrics`` only to this machine."""
        if request.path == "/metrics" and not self._has_aside:
            return _answer({"/metrics": self._scrape if is_local else _elsewhere}, request)
        return _answer(self._answers, request)

    def answer_aside(self, request: Request) -> Response:
        """The response where ``metrics_listen`` is: what concerns the operator alone."""
        return _answer(self._answers_aside, request)

    def _health(self, _request: Request) -> Response:
        if self._is_draining():
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, "draining\n")
        return Response(HTTPStatus.OK, "ok\n")

    def _ready(self, _request: Request) -> Response:
        if self._is_draining():
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, "draining\n")
        if trouble := self._trouble():
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, f"{trouble}\n")
        return Response(HTTPStatus.OK, "ready\n")

    def _scrape(self, _request: Request) -> Response:
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(HTTPStatus.OK, self._metrics(), content_type=kind)


def _answer(answers: Mapping[str, Callable[[Request], Response]], request: Request) -> Response:
    if request.path not in answers:
        return Response(HTTPStatus.NOT_FOUND, "There is nothing here.\n")
    if request.method not in ("GET", "HEAD"):
        return only("GET, HEAD")
    return answers[request.path](request)


def _elsewhere(_request: Request) -> Response:
    return Response(
        HTTPStatus.FORBIDDEN,
        "Refused: only this machine may read them, and no proxy; metrics_listen serves them to "
        "others.\n",
    )


def only(methods: str) -> Response:
    """405, with the methods that would do."""
    return Response(
        HTTPStatus.METHOD_NOT_ALLOWED, f"Only {methods}.\n", headers=(("Allow", methods),)
    )

"""What the node answers to plain HTTP (protocol: HTTP)."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from proxim.net import pages
from proxim.net.http import Request, Response


class Site:
    """The pages and the endpoints for machines. ``/ws`` is not here: it is no page."""

    def __init__(self, *, is_draining: Callable[[], bool], metrics: Callable[[], str]) -> None:
        self._is_draining = is_draining
        self._metrics = metrics
        self._answers: dict[str, Callable[[Request], Response]] = {
            **dict.fromkeys(pages.paths(), pages.answer),
            "/healthz": self._health,
            "/metrics": self._scrape,
        }

    def answer(self, request: Request) -> Response:
        """The response to any request but one for ``/ws``."""
        if request.path not in self._answers:
            return Response(HTTPStatus.NOT_FOUND, "There is nothing here.\n")
        if request.method not in ("GET", "HEAD"):
            return only("GET, HEAD")
        return self._answers[request.path](request)

    def _health(self, _request: Request) -> Response:
        if self._is_draining():
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, "draining\n")
        return Response(HTTPStatus.OK, "ok\n")

    def _scrape(self, _request: Request) -> Response:
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(HTTPStatus.OK, self._metrics(), content_type=kind)


def only(methods: str) -> Response:
    """405, with the methods that would do."""
    return Response(
        HTTPStatus.METHOD_NOT_ALLOWED, f"Only {methods}.\n", headers=(("Allow", methods),)
    )

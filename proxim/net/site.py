"""What the node answers to plain HTTP (protocol: HTTP)."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from proxim.net.http import Request, Response

_HOST_PAGE = """\
This is a Proxim node. It brings two devices together, and only if a person says yes.

To open a session on this computer:   proxim host
To join one from another:             proxim join LINK
The WebSocket for other clients is at /ws.
"""

_JOIN_PAGE = """\
This link asks to pair with somebody's device.

To use it, run this where Proxim is installed, with the whole link:   proxim join 'LINK'
Nothing has been asked for yet; opening this page does not use the link up.
"""


class Site:
    """The pages and the endpoints for machines. ``/ws`` is not here: it is no page."""

    def __init__(self, *, is_draining: Callable[[], bool], metrics: Callable[[], str]) -> None:
        self._is_draining = is_draining
        self._metrics = metrics
        self._pages: dict[str, Callable[[], Response]] = {
            "/": lambda: Response(HTTPStatus.OK, _HOST_PAGE),
            "/join": lambda: Response(HTTPStatus.OK, _JOIN_PAGE),
            "/healthz": self._health,
            "/metrics": self._scrape,
        }

    def answer(self, request: Request) -> Response:
        """The response to any request but one for ``/ws``."""
        if request.path not in self._pages:
            return Response(HTTPStatus.NOT_FOUND, "There is nothing here.\n")
        if request.method not in ("GET", "HEAD"):
            return only("GET, HEAD")
        return self._pages[request.path]()

    def _health(self) -> Response:
        if self._is_draining():
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, "draining\n")
        return Response(HTTPStatus.OK, "ok\n")

    def _scrape(self) -> Response:
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(HTTPStatus.OK, self._metrics(), content_type=kind)


def only(methods: str) -> Response:
    """405, with the methods that would do."""
    return Response(
        HTTPStatus.METHOD_NOT_ALLOWED, f"Only {methods}.\n", headers=(("Allow", methods),)
    )

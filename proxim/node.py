"""The node: where all parts are put together, started and stopped."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Sequence

import trio

from proxim import __version__
from proxim.actors.router import Router
from proxim.actors.supervisor import Supervisor
from proxim.core.errors import InvalidSetting
from proxim.core.messages import PROTOCOL_VERSION, Welcome
from proxim.net.access import Access, Rules
from proxim.net.aside import serve_aside
from proxim.net.limits import Limits
from proxim.net.listener import Listener
from proxim.net.site import Site
from proxim.net.tls import load_certificate
from proxim.settings import Settings, split_endpoint

log = logging.getLogger(__name__)

DRAIN_TIME = 8.0
"""Seconds in which a node that stops says good-bye to everybody."""


class Node:
    """A signaling node. ``url`` is where it can be reached, once it runs.

    ``metrics_address`` is where its figures are served, if that is a place of their own.
    With ``sockets``, which listen already, it accepts on them, and opens none; it closes them.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        limits: Limits | None = None,
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        self.settings = settings or Settings()
        self.limits = limits or self.settings.limits
        self.url = ""
        self.metrics_address: tuple[str, int] | None = None
        self.draining = False
        self.supervisor = Supervisor(
            sweep_interval=self.settings.sweep_interval, quotas=self.settings.quotas
        )
        self._sockets = list(sockets)
        self._listener: Listener | None = None
        self._stop = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until ``stop`` is called or this is cancelled; then end every session.

        Started when connections are accepted. Raises ``OSError`` when the address cannot be
        listened on, ``InvalidSetting`` when the certificate cannot be used.
        """
        tls = self._load_certificate()
        sockets = self._sockets or await self._open_sockets()
        aside = await self._open_aside(sockets)
        self.url = self.settings.public_url or self._own_url(sockets[0], secure=tls is not None)
        listener = self._listener = self._compose(tls)
        async with trio.open_nursery() as nursery:
            services = await nursery.start(self._serve, listener, sockets, aside)
            task_status.started()
            try:
                await self._stop.wait()
            finally:
                self.draining = True
                with trio.move_on_after(DRAIN_TIME, shield=True):
                    await self.supervisor.drain()
                    await listener.close_all(1001, "the node is going away")
                services.cancel()

    async def _serve(
        self,
        listener: Listener,
        sockets: list[socket.socket],
        aside: list[socket.socket],
        *,
        task_status: trio.TaskStatus[trio.CancelScope],
    ) -> None:
        """Everything that lives; shielded, so that a node that is cancelled says good-bye, too."""
        with trio.CancelScope(shield=True) as services:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.supervisor.run)
                await nursery.start(listener.run, sockets)
                for each in aside:
                    nursery.start_soon(serve_aside, each, self._site.answer_aside, self.limits)
                task_status.started(services)

    def stop(self) -> None:
        """End every session with ``shutdown``, close every connection, and let ``run`` return."""
        self._stop.set()

    def reload_certificate(self) -> None:
        """Read the certificate's files again; who connects from now on is shown what they say.

        Connections that are open go on. What cannot be used is logged, and what was in use stays.
        Without a certificate this does nothing.
        """
        try:
            tls = self._load_certificate()
        except InvalidSetting as error:
            log.error("the certificate is not renewed, the one before stays: %s", error)
            return
        if tls is not None and self._listener is not None:
            self._listener.secure_with(tls)
            log.info("the certificate is renewed")

    def _compose(self, tls: ssl.SSLContext | None) -> Listener:
        router = Router(
            self.supervisor,
            terms=self.settings.terms,
            public_url=self.url,
            draw_qr=_draw_qr,
            access_token=self.settings.access_token,
        )
        self._site = site = Site(
            is_draining=lambda: self.draining,
            metrics=lambda: _metrics(self, listener),
            has_aside=self.settings.metrics_listen is not None,
        )
        listener = Listener(
            router,
            site,
            welcome=self._welcome,
            is_draining=lambda: self.draining,
            limits=self.limits,
            access=self._access(secure=tls is not None),
            tls=tls,
        )
        return listener

    def _access(self, *, secure: bool) -> Access:
        settings = self.settings
        rules = Rules(
            settings.allow_origin,
            settings.allow_host,
            settings.trusted_proxy,
            settings.limit_loopback,
        )
        return Access(self.url, "https" if secure else "http", rules)

    def _welcome(self) -> Welcome:
        return Welcome(
            protocol=PROTOCOL_VERSION,
            server=f"proxim/{__version__}",
            approval_timeout=self.settings.approval_timeout,
            max_message_bytes=self.limits.message_bytes,
        )

    async def _open_sockets(self) -> list[socket.socket]:
        host = "0.0.0.0" if self.settings.lan else self.settings.host
        listeners = await trio.open_tcp_listeners(self.settings.port, host=host)
        if self.settings.port == 0:
            # A name with several addresses would get a port for each; one is what is printed.
            for spare in listeners[1:]:
                await spare.aclose()
            del listeners[1:]
        return [socket.socket(fileno=each.socket.detach()) for each in listeners]

    async def _open_aside(self, sockets: list[socket.socket]) -> list[socket.socket]:
        """The sockets of ``metrics_listen``. On an error the ones that are open are closed."""
        if self.settings.metrics_listen is None:
            return []
        host, port = split_endpoint(self.settings.metrics_listen)
        try:
            listeners = await trio.open_tcp_listeners(port, host=host)
        except OSError as error:
            for each in sockets:
                each.close()
            raise OSError(f"metrics_listen: {error}") from error
        self.metrics_address = listeners[0].socket.getsockname()[:2]
        return [socket.socket(fileno=each.socket.detach()) for each in listeners]

    def _own_url(self, listening: socket.socket, *, secure: bool) -> str:
        address, port = listening.getsockname()[:2]
        if address in ("0.0.0.0", "::"):
            address = _lan_address(listening.family)
        host = f"[{address}]" if ":" in address else address
        return f"{'https' if secure else 'http'}://{host}:{port}"

    def _load_certificate(self) -> ssl.SSLContext | None:
        cert, key = self.settings.tls_cert, self.settings.tls_key
        return None if cert is None or key is None else load_certificate(cert, key)


async def _draw_qr(link: str) -> str:
    # It takes tens of milliseconds, in which nobody else shall wait; so does the library's import.
    return await trio.to_thread.run_sync(_draw, link)


def _draw(link: str) -> str:
    from proxim import qr

    return qr.svg(link)


def _metrics(node: Node, listener: Listener) -> str:
    # The library is wanted only by those who scrape, and slow to import.
    from proxim.metrics import exposition

    return exposition(node.supervisor, listener)


def _lan_address(family: int) -> str:
    """The address of this machine in its network, by its routing table; nothing is sent."""
    somewhere, itself = (
        ("2001:db8::1", "::1") if family == socket.AF_INET6 else ("192.0.2.1", "127.0.0.1")
    )
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((somewhere, 9))
        except OSError:
            return itself
        return str(probe.getsockname()[0])

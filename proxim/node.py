"""The node: where all parts are put together, started and stopped."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from functools import partial
from typing import Any, NamedTuple

import trio

from proxim import lan
from proxim.actors.backend import Backend
from proxim.actors.drawings import Drawings
from proxim.actors.invitations import Invitations
from proxim.actors.limits import NodeLimits
from proxim.actors.router import Router
from proxim.actors.supervisor import Observer, Supervisor
from proxim.backends import redis, sqlite
from proxim.client.base_connection import draw_qr
from proxim.embed.application import Application
from proxim.embed.events import EventReader, Events
from proxim.embed.host import LocalHost
from proxim.event_loop import AsyncWith, require_trio
from proxim.exception_groups import running, ungrouped
from proxim.extras import missing
from proxim.ice import ConfiguredIce
from proxim.net.access import Access
from proxim.net.limits import Limits
from proxim.net.listener import Listener
from proxim.net.metrics_port import serve_metrics
from proxim.net.names import with_canonical_host
from proxim.net.site import Site
from proxim.net.sockets import EVERYWHERE, listen, reachable, url_of
from proxim.net.stats import NetStats
from proxim.net.tls import load_certificate
from proxim.portal.futures import in_own_thread
from proxim.protocol import codec
from proxim.protocol.errors import ConnectionLost, InvalidSetting
from proxim.protocol.messages import SessionInfo
from proxim.settings import Settings, from_code, split_endpoint, warn
from proxim.version import __version__

log = logging.getLogger(__name__)

DRAIN_TIME = 8.0
"""Seconds that a node which stops takes at most to end its sessions and close its connections."""


class Parts(NamedTuple):
    """What of a node serves clients: the application's own, HTTP requests, and sockets."""

    host: LocalHost
    site: Site
    listener: Listener


class Node(Application, AsyncWith, instead="proxim.run_in_thread"):
    """Runs a signaling node, of which it puts the parts together.

    Made of ``Settings``, or of single settings by their names, as in ``Node(port=0)``. It runs
    once: inside ``async with``, or while ``run`` does. ``local_url`` is the address on which it
    listens; ``url``, where clients reach it, is the same unless there is a public URL.
    ``metrics_address`` is the address of the metrics port, if there is one. With ``sockets``, which
    listen already, it opens no others, and closes these. ``leaving`` says that it stops soon,
    ``draining`` that it accepts no clients.

    Raises ``InvalidSetting`` when a setting's value is unusable.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        limits: Limits | None = None,
        sockets: Sequence[socket.socket] = (),
        **given: object,
    ) -> None:
        self.settings = from_code(settings, given)
        self.limits = limits or self.settings.limits
        self.url = ""
        self.local_url = ""
        self.metrics_address: tuple[str, int] | None = None
        self.draining = False
        self.leaving = False
        self.ice = ConfiguredIce(self.settings.ice)
        self.net_stats = NetStats()
        self._events = Events()
        self.supervisor = Supervisor(
            terms=self.settings.terms,
            limits=NodeLimits(self.settings.limit_settings, self.limits.connections_per_address),
            sweep_interval=self.settings.sweep_interval,
            ice=self.ice.grant,
            announce=self._events.announce,
            observer=_traces() if self.settings.traces else None,
            make_backend=self._make_backend,
        )
        self._sockets = list(sockets)
        self._at = ""
        self._parts: Parts | None = None
        self._life: AbstractAsyncContextManager[None]
        self._has_run = False
        self._stop = trio.Event()

    async def __aenter__(self) -> Node:
        """Start. Raises what ``run`` raises when it cannot."""
        require_trio("proxim.run_in_thread")
        life = running(self.run, self.stop)
        await life.__aenter__()
        self._life = life
        return self

    async def __aexit__(self, *error: Any) -> bool | None:
        return await self._life.__aexit__(*error)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until ``stop`` is called or this is cancelled; then end every session.

        Started when connections are accepted. Raises ``OSError`` when the address cannot be
        listened on, ``InvalidSetting`` when the certificate or the backend cannot be used, and
        ``RuntimeError`` the second time: a node runs once.
        """
        require_trio("proxim.run_in_thread")
        if self._has_run:
            raise RuntimeError("a node runs once; make another Node with the same settings")
        self._has_run = True
        if self.settings.announce is not None:
            lan.require_library()
        warn(self.settings)
        with ungrouped(InvalidSetting), ExitStack() as opened:
            for each in self._sockets:
                opened.enter_context(each)
            tls = self._load_certificate()
            host = EVERYWHERE if self.settings.lan else self.settings.host
            sockets = self._sockets or await listen(host, self.settings.port, opened)
            metrics_sockets = await self._listen_for_metrics(opened)
            self.local_url = url_of(sockets[0], secure=tls is not None)
            self.url = self.settings.public_url or self.local_url
            self._at = f"{socket.gethostname()}:{reachable(sockets[0])[1]}"
            async with trio.open_nursery() as nursery:
                parts = compose(self, self.url, tls)
                scope = await nursery.start(self._serve, parts, sockets, metrics_sockets)
                self._parts = parts
                # Not before: a start that is cancelled would wait for what never ends.
                scope.shield = True
                task_status.started()
                try:
                    await self._stop.wait()
                    self.leaving = True
                    await trio.sleep(self.settings.drain_seconds)
                finally:
                    self.leaving = self.draining = True
                    with trio.move_on_after(DRAIN_TIME, shield=True):
                        await self.supervisor.drain()
                        await self.supervisor.backend.leave()
                        parts.host.close(*self.supervisor.backend.close_reason)
                        await parts.listener.close_all(*self.supervisor.backend.close_reason)
                    self._events.finish()
                    scope.cancel()

    async def _serve(
        self,
        parts: Parts,
        sockets: list[socket.socket],
        metrics_sockets: list[socket.socket],
        *,
        task_status: trio.TaskStatus[trio.CancelScope],
    ) -> None:
        """Run all parts in a scope that ``run`` shields, so that they outlive its cancellation."""
        with trio.CancelScope() as scope:
            async with self.supervisor.backend.opened(), trio.open_nursery() as nursery:
                nursery.start_soon(self.ice.run)
                nursery.start_soon(parts.host.run)
                await nursery.start(self.supervisor.run)
                await nursery.start(self.supervisor.backend.run)
                await nursery.start(parts.listener.run, sockets)
                for each in metrics_sockets:
                    nursery.start_soon(serve_metrics, each, parts.site.answer_metrics, self.limits)
                if self.settings.announce is not None:
                    nursery.start_soon(
                        lan.announce, self.settings.announce, *reachable(sockets[0]), __version__
                    )
                task_status.started(scope)

    def stop(self) -> None:
        """End every session with ``shutdown``, close every connection, and let ``run`` return."""
        self._stop.set()

    def reload_certificate(self) -> None:
        """Read the certificate's files again, for later connections; log it if that fails."""
        try:
            tls = self._load_certificate()
        except InvalidSetting as error:
            log.error("the certificate is not renewed, the one before stays: %s", error)
            return
        if tls is not None and self._parts is not None:
            self._parts.listener.renew_certificate(tls)
            log.info("the certificate is renewed")

    async def wait_stopping(self) -> None:
        """Wait until ``stop`` is called."""
        await self._stop.wait()

    def sessions(self) -> list[SessionInfo]:
        """Return all sessions of this node, oldest first; ended ones until the next sweep."""
        return [actor.session.describe() for actor in self.supervisor.actors()]

    def events(self) -> EventReader:
        """Return a reader of ``Paired`` and ``Ended`` from now on, until the node stops.

        Each reader gets all of them. A reader that is too slow finds ``Missed`` instead of some.
        """
        return self._events.read()

    def _local_host(self) -> LocalHost:
        if self._parts is None or self._stop.is_set() or self.leaving:
            raise ConnectionLost("the node does not run")
        return self._parts.host

    def _make_backend(self, supervisor: Supervisor) -> Backend:
        settings = self.settings
        if settings.cluster is not None:
            return redis.make_backend(supervisor, settings.cluster_options, self._describe)
        if settings.store is not None and settings.store_key is not None:
            return sqlite.make_backend(supervisor, settings.store, settings.store_key)
        return Backend(supervisor)

    def _describe(self) -> dict[str, object]:
        """Return what other nodes may know of this one."""
        return {
            "url": self.url,
            "at": self._at,
            "version": __version__,
            "sessions": self.supervisor.stats.alive,
            "draining": self.leaving,
        }

    async def _listen_for_metrics(self, opened: ExitStack) -> list[socket.socket]:
        if self.settings.metrics_listen is None:
            return []
        host, port = split_endpoint(self.settings.metrics_listen)
        try:
            sockets = await listen(host, port, opened)
        except OSError as error:
            raise OSError(error.errno, f"metrics_listen: {error.strerror}") from None
        self.metrics_address = sockets[0].getsockname()[:2]
        return sockets

    def _load_certificate(self) -> ssl.SSLContext | None:
        cert, key = self.settings.tls_cert, self.settings.tls_key
        return load_certificate(cert, key) if cert is not None and key is not None else None


def compose(node: Node, url: str, tls: ssl.SSLContext | None) -> Parts:
    """Put together what serves the clients of a node at ``url``."""
    settings, supervisor = node.settings, node.supervisor
    # Drawing and its import take tens of milliseconds, in which no other client should wait.
    draw = partial(in_own_thread, draw_qr)
    drawings = Drawings(draw, settings.drawings_at_once, supervisor.stats)
    public_url, size = with_canonical_host(url), node.limits.message_size
    join_url = settings.join_url and with_canonical_host(settings.join_url)
    invitations = Invitations(public_url, drawings.draw, join_url)
    page = join_url or f"{public_url.rstrip('/')}/join"
    token = settings.access_token
    router = Router(supervisor, invitations, token, require_seal=settings.require_seal)
    site = Site(
        url,
        is_leaving=lambda: node.leaving,
        trouble=lambda: supervisor.backend.trouble,
        metrics=partial(_metrics, supervisor, node.net_stats),
        has_metrics_port=settings.metrics_listen is not None,
    )
    scheme = "http" if tls is None else "https"
    access = Access(url, scheme, settings.access_rules, supervisor.backend.hash_address)
    server, window = f"proxim/{__version__}", settings.approval_timeout
    listener = Listener(
        router,
        site,
        welcome=lambda: codec.welcome(server, window, size, page, supervisor.backend.boot),
        is_draining=lambda: node.draining,
        limits=node.limits,
        access=access,
        stats=node.net_stats,
        tls=tls,
    )
    host = LocalHost(router, node.limits, settings.access_token, page, listener.plug)
    return Parts(host, site, listener)


async def serve(
    settings: Settings | None = None,
    *,
    task_status: trio.TaskStatus[Node] = trio.TASK_STATUS_IGNORED,
    **given: object,
) -> None:
    """Run a node until its ``stop`` is called or this is cancelled.

    ``node = await nursery.start(proxim.serve, settings)`` returns the node once it accepts
    connections. Raises ``InvalidSetting``, and ``OSError`` when the address cannot be listened on.
    """
    async with Node(from_code(settings, given)) as node:
        task_status.started(node)
        await node.wait_stopping()


def _traces() -> Observer:
    try:
        from proxim.traces import Traces
    except ImportError:
        raise missing("traces", "otel") from None
    return Traces()


def _metrics(supervisor: Supervisor, net_stats: NetStats) -> str:
    from proxim.metrics import exposition  # Slow, and wanted only by those who scrape.

    return exposition(supervisor, net_stats)

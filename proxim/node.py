"""The node: where all parts are put together, started and stopped."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from types import TracebackType
from typing import Literal, NamedTuple

import trio

from proxim import lan
from proxim.actors.backend import Backend
from proxim.actors.limits import NodeLimits
from proxim.actors.router import Router
from proxim.actors.supervisor import Observer, Supervisor
from proxim.backends import redis, sqlite
from proxim.client.host import HostSession, SessionKind
from proxim.embed.decision import Decide, answer, check
from proxim.embed.events import EventReader, Events
from proxim.embed.futures import in_own_thread
from proxim.embed.host import LocalHost
from proxim.ice import ConfiguredIce
from proxim.net.access import Access, Rules
from proxim.net.limits import Limits
from proxim.net.listener import Listener
from proxim.net.metrics_port import serve_metrics
from proxim.net.site import Site
from proxim.net.sockets import listen, reachable
from proxim.net.tls import load_certificate
from proxim.protocol.errors import ConnectionLost, InvalidSetting
from proxim.protocol.messages import PROTOCOL_VERSION, SessionInfo, Welcome
from proxim.settings import Settings, from_code, split_endpoint
from proxim.version import __version__

log = logging.getLogger(__name__)

DRAIN_TIME = 8.0
"""Seconds in which a node that stops says good-bye to everybody."""


class _Services(NamedTuple):
    """What runs while the node does, until ``scope`` is cancelled."""

    scope: trio.CancelScope
    listener: Listener


class Node:
    """A signaling node. ``url`` is where it can be reached, once it runs.

    ``local_url`` is the address that it listens on; ``url`` is ``public_url`` if that is set.

    Made of ``Settings`` or of single settings by their names, as in ``Node(port=0)``. It runs
    once: inside ``async with``, or while ``run`` does. ``metrics_address`` is where its figures are
    served, if that is a place of their own. With ``sockets``, which listen already, it accepts on
    them, and opens none; it closes them. ``leaving`` says that it has been told to stop,
    ``draining`` that it takes nobody in any more.

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
        self._at = ""
        self._router: Router
        self.ice = ConfiguredIce(self.settings.ice)
        self._events = Events()
        self.supervisor = Supervisor(
            terms=self.settings.terms,
            limits=NodeLimits(self.settings.limit_settings, self.limits.connections_per_address),
            sweep_interval=self.settings.sweep_interval,
            ice=self.ice.grant,
            notify=self._events.notify,
            observer=_traces() if self.settings.traces else None,
            make_backend=self._make_backend,
        )
        self._sockets = list(sockets)
        self._listener: Listener | None = None
        self._host: LocalHost | None = None
        self._nursery: trio.Nursery | None = None
        self._life: AbstractAsyncContextManager[None]
        self._has_run = False
        self._stop = trio.Event()

    # -- its life ----------------------------------------------------------------------------

    async def __aenter__(self) -> Node:
        """Start. Raises what ``run`` raises when it cannot."""
        self._check_unused()
        life = self._live()
        await life.__aenter__()
        self._life = life
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._life.__aexit__(kind, error, traceback)

    @asynccontextmanager
    async def _live(self) -> AsyncIterator[None]:
        """Run while inside. What is raised inside comes out as it was, in no group."""
        raised: Exception | None = None
        async with trio.open_nursery() as nursery:
            try:
                await nursery.start(self.run)
                yield
            except Exception as error:
                raised = error
            self.stop()
        if raised is not None:
            raise raised

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until ``stop`` is called or this is cancelled; then end every session.

        Started when connections are accepted. Raises ``OSError`` when the address cannot be
        listened on, ``InvalidSetting`` when the certificate or the store cannot be used, and
        ``RuntimeError`` the second time: a node lives once.
        """
        self._check_unused()
        self._has_run = True
        if self.settings.announce is not None:
            lan.require_library()
        await self._run(task_status)

    def _check_unused(self) -> None:
        if self._has_run:
            raise RuntimeError("a node runs once; make another Node with the same settings")

    async def _run(self, task_status: trio.TaskStatus[None]) -> None:
        with ExitStack() as opened:
            for each in self._sockets:
                opened.enter_context(each)
            tls = self._load_certificate()
            sockets = self._sockets or await self._open_sockets(opened)
            aside = await self._open_aside(opened)
            self.local_url = self._own_url(sockets[0], secure=tls is not None)
            self.url = self.settings.public_url or self.local_url
            self._at = f"{socket.gethostname()}:{reachable(sockets[0])[1]}"
            await self._accept(tls, sockets, aside, task_status)

    async def _accept(
        self,
        tls: ssl.SSLContext | None,
        sockets: list[socket.socket],
        aside: list[socket.socket],
        task_status: trio.TaskStatus[None],
    ) -> None:
        async with trio.open_nursery() as self._nursery:
            services = await self._nursery.start(self._serve, tls, sockets, aside)
            # Not before: a start that is cancelled would wait for what never ends.
            services.scope.shield = True
            task_status.started()
            try:
                await self._stop.wait()
                self.leaving = True
                await trio.sleep(self.settings.drain_seconds)
            finally:
                self.leaving = self.draining = True
                with trio.move_on_after(DRAIN_TIME, shield=True):
                    await self._part(services)
                self._events.finish()
                services.scope.cancel()

    async def _part(self, services: _Services) -> None:
        """Close every session and connection, and release what continues elsewhere, or later."""
        await self.supervisor.drain()
        await self.supervisor.backend.leave()
        await services.listener.close_all(*self.supervisor.backend.close_reason)

    async def _serve(
        self,
        tls: ssl.SSLContext | None,
        sockets: list[socket.socket],
        aside: list[socket.socket],
        *,
        task_status: trio.TaskStatus[_Services],
    ) -> None:
        """Everything that lives. `_accept` shields it, so that who is cancelled says good-bye."""
        backend = self.supervisor.backend
        with trio.CancelScope() as scope:
            async with backend.opened(), trio.open_nursery() as nursery:
                listener = self._compose(tls)
                assert self._host is not None
                nursery.start_soon(self.ice.run)
                nursery.start_soon(self._host.run)
                await nursery.start(self.supervisor.run)
                await nursery.start(backend.run)
                await nursery.start(listener.run, sockets)
                for each in aside:
                    nursery.start_soon(serve_metrics, each, self._site.answer_metrics, self.limits)
                if self.settings.announce is not None:
                    nursery.start_soon(self._announce, self.settings.announce, sockets[0])
                task_status.started(_Services(scope, listener))

    async def _announce(self, name: str, listening: socket.socket) -> None:
        address, port = reachable(listening)
        await lan.announce(name, address, port, __version__)

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

    async def wait_stopping(self) -> None:
        """Wait until somebody calls ``stop``."""
        await self._stop.wait()

    # -- for the application that embeds it ---------------------------------------------------

    def sessions(self) -> list[SessionInfo]:
        """All sessions of this node, oldest first; ended ones until the next sweep."""
        return [actor.session.describe() for actor in self.supervisor.actors()]

    def events(self) -> EventReader:
        """What happens from now on: ``Paired`` and ``Ended``, until the node has stopped.

        Each reader gets all of them. One that does not keep up finds ``Missed`` where it lost some.
        """
        return self._events.read()

    async def open_session(
        self,
        session_type: SessionKind = "one_time",
        *,
        ttl: float | None = None,
        token_hash: str | None = None,
        qr: Literal["svg"] | None = None,
        decide: Decide | None = None,
    ) -> HostSession:
        """Be the host of a new session, in this process. ``ttl`` in seconds is for temporary ones.

        ``decide`` is asked when somebody wants to pair: a coroutine function, or a plain one, which
        gets a thread of its own and may wait for a person. Only ``True`` is a yes. Without it,
        await ``session.prompt()``.

        Raises ``ConnectionLost`` while the node does not run, ``LimitReached`` when there are too
        many sessions, ``BadMessage`` for a type or ``ttl`` that cannot be, ``TypeError``.
        """
        check(decide)
        if self._host is None or self._nursery is None or self._stop.is_set() or self.leaving:
            raise ConnectionLost("the node does not run")
        session = await self._host.open(session_type, ttl=ttl, token_hash=token_hash, qr=qr)
        if decide is not None:
            self._nursery.start_soon(answer, session, decide)
        return session

    # -- its parts ---------------------------------------------------------------------------

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

    def _compose(self, tls: ssl.SSLContext | None) -> Listener:
        self._router = router = Router(
            self.supervisor,
            public_url=self.url,
            draw_qr=_draw_qr,
            access_token=self.settings.access_token,
        )
        self._host = LocalHost(router, self.limits, self.settings.access_token)
        self._site = site = Site(
            is_draining=lambda: self.leaving or self.draining,
            trouble=lambda: self.supervisor.backend.trouble,
            metrics=lambda: _metrics(self, listener),
            has_metrics_port=self.settings.metrics_listen is not None,
        )
        self._listener = listener = Listener(
            router,
            site,
            welcome=self._welcome(),
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
        return Access(
            self.url, "https" if secure else "http", rules, self.supervisor.backend.hash_address
        )

    def _welcome(self) -> Welcome:
        return Welcome(
            protocol=PROTOCOL_VERSION,
            server=f"proxim/{__version__}",
            approval_timeout=self.settings.approval_timeout,
            max_message_bytes=self.limits.message_size,
        )

    async def _open_sockets(self, opened: ExitStack) -> list[socket.socket]:
        host = "0.0.0.0" if self.settings.lan else self.settings.host
        sockets = await listen(host, self.settings.port, opened)
        # A name with several addresses would get a port for each; one is what is printed.
        spare = sockets[1:] if self.settings.port == 0 else []
        for each in spare:
            each.close()
        return sockets[: len(sockets) - len(spare)]

    async def _open_aside(self, opened: ExitStack) -> list[socket.socket]:
        """The sockets of ``metrics_listen``."""
        if self.settings.metrics_listen is None:
            return []
        host, port = split_endpoint(self.settings.metrics_listen)
        try:
            sockets = await listen(host, port, opened)
        except OSError as error:
            raise OSError(error.errno, f"metrics_listen: {error.strerror}") from None
        self.metrics_address = sockets[0].getsockname()[:2]
        return sockets

    def _own_url(self, listening: socket.socket, *, secure: bool) -> str:
        address, port = reachable(listening)
        host = f"[{address}]" if ":" in address else address
        return f"{'https' if secure else 'http'}://{host}:{port}"

    def _load_certificate(self) -> ssl.SSLContext | None:
        cert, key = self.settings.tls_cert, self.settings.tls_key
        return None if cert is None or key is None else load_certificate(cert, key)


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
        raise InvalidSetting(
            "traces: this needs more libraries: pip install 'proxim[otel]'"
        ) from None
    return Traces()


async def _draw_qr(link: str) -> str:
    # It takes tens of milliseconds, in which nobody else shall wait; so does the library's import.
    return await in_own_thread(_draw, link)


def _draw(link: str) -> str:
    from proxim import qr

    return qr.svg(link)


def _metrics(node: Node, listener: Listener) -> str:
    from proxim.metrics import exposition  # Slow, and wanted only by those who scrape.

    return exposition(node.supervisor, listener)

"""What both sides of a pairing in a terminal share: the view, notices, and the approval."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import NamedTuple

import trio

from proxim.cli.terminal import Reporter
from proxim.client import Guest, Host, Notice
from proxim.client.session import ClientSession
from proxim.protocol.messages import Status


class Paired(NamedTuple):
    """A session that is approved, and what connects it to its node."""

    session: ClientSession
    client: Host | Guest


_NOTICES = {
    Notice.CONTESTED: "Another device has opened the same link. Only one can have scanned it here.",
    Notice.REPLACED: "The other device came back by another connection.",
    Notice.TAMPERED: "The server, or somebody between, has changed a message. It was dropped.",
    Notice.LATE: "A message came twice or too late. It was dropped.",
    Notice.BEFORE: "A message from before a reload was dropped.",
    Notice.MISSED: "Messages of the other device are missing.",
    Notice.UNOPENED: "A device asked that does not have this link. It was rejected.",
    Notice.KEYS_ELSEWHERE: "A device asks, but another program has the keys to answer it.",
    Notice.STRANGER: "Another device has the link of a known one. It was turned away.",
    Notice.COPIED: "Two devices use the same grant: the storage of one was copied.",
    Notice.EXPIRED: "The time for which the other device was remembered is over.",
    Notice.FORGOTTEN: "The other device does not remember this one any more.",
}

SEALED = {
    True: "Sealed: the server cannot read what you exchange.",
    False: "Not sealed: the server can read what goes through it.",
}


@asynccontextmanager
async def showing(reporter: Reporter) -> AsyncIterator[None]:
    """Keep the view current that the block presents, read single keys, and remove it at the end."""
    with reporter.keyboard.by_key() if reporter.has_keys else nullcontext():
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(reporter.keep_current)
                yield
                nursery.cancel_scope.cancel()
        finally:
            reporter.screen.dismiss()


def report_approval(session: ClientSession, reporter: Reporter) -> None:
    """Report that the session is approved, and whether it is sealed."""
    text = f"Approved. {SEALED[session.sealed]}"
    # Not the status of the session, which may have ended since.
    reporter.report("result", text, status=Status.APPROVED, sealed=session.sealed)


async def report_notices(session: ClientSession, reporter: Reporter) -> None:
    """Report the notices of a session until it ends."""
    async for notice in session.notices():
        reporter.report(notice, _NOTICES[notice])

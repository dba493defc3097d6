"""Pairs of a sealed session."""

from contextlib import asynccontextmanager

from proxim.client import open_guest, open_host


def other_than(code):
    """Return a code that is not this one."""
    return "123" if code != "123" else "124"


def at(link, url):
    """Return the link, with another node."""
    return url + link[link.index("/join#") :]


@asynccontextmanager
async def asked(
    host_url,
    kind="persistent",
    *,
    guest_url=None,
    host_name="Desk",
    name="Phone",
    seals=None,
    **options,
):
    """A host's sealed session, its waiting guest, and the prompt."""
    async with open_host(host_url, uuid="desk", name=host_name, seals=seals) as host:
        session = await host.create(kind, sealed=True, **options)
        link = at(session.link, guest_url) if guest_url else session.link
        async with open_guest(link, name=name) as guest:
            yield session, guest, await session.prompt()


@asynccontextmanager
async def approved(host_url, kind="persistent", **options):
    """Both sides of an approved sealed session."""
    async with asked(host_url, kind, **options) as (session, guest, prompt):
        await prompt.approve(await guest.wait_code())
        await guest.approved()
        yield session, guest

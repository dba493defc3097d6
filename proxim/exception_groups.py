"""Exceptions as they are, out of the groups in which nurseries raise them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import trio


@contextmanager
def ungrouped(kind: type[Exception]) -> Iterator[None]:
    """Raise an exception of this kind as it is, if the block raises it alone in a group."""
    try:
        yield
    except BaseExceptionGroup as group:
        errors = list(leaves(group))
        if all(isinstance(error, kind) for error in errors):
            raise errors[0] from None
        raise


@asynccontextmanager
async def running(
    task: Callable[..., Awaitable[object]], stop: Callable[[], Awaitable[object] | None]
) -> AsyncIterator[None]:
    """Run ``task`` beside the block, from when it says that it has started; then ``stop`` it.

    What the task raises at its start, or the block, is raised as it is, not in a group.
    """
    raised: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            await nursery.start(task)
            try:
                yield
            finally:
                stopping = stop()
                if stopping is not None:
                    await stopping
        except Exception as error:
            raised = error
    if raised is not None:
        raise raised


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions that are not groups, in order."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error

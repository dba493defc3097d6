"""A node that lies to the sides of a sealed session: neither takes any of it for true."""

import subprocess

import pytest

from proxim.node import Node
from proxim.settings import Settings
from tests.attacks import lying_node
from tests.attacks.lied_to import (
    Browser,
    JavaScriptDesk,
    JavaScriptPhone,
    PythonDesk,
    PythonPhone,
    node_process,
)
from tests.attacks.lies import LIES
from tests.attacks.lying_node import DESK, PHONE, LyingNode
from tests.client.helpers import until


@pytest.fixture
async def liar(nursery):
    """A lying node in front of an honest one."""
    node = Node(Settings(port=0))
    await nursery.start(node.run)
    liar = LyingNode(node)
    await liar.start(nursery)
    yield liar
    node.stop()


@pytest.fixture(scope="module")
def javascript():
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    if tuple(map(int, version.removeprefix("v").split(".")[:2])) < (20, 10):
        pytest.skip(f"node is {version}, and 20.10 or later is needed")
    with node_process() as process:
        yield process


@pytest.fixture(params=["Python", pytest.param("JavaScript", marks=pytest.mark.needs("node"))])
async def sides(request, nursery):
    """The desk and the phone of one SDK, and what they run in."""
    if request.param == "Python":
        yield PythonDesk, PythonPhone, nursery
    else:
        async with Browser.in_process(request.getfixturevalue("javascript")) as browser:
            yield JavaScriptDesk, JavaScriptPhone, browser


class Pairing:
    """A pairing from its first to its last message. The people do what they should."""

    def __init__(self, liar, sides):
        self.liar = liar
        new_desk, new_phone, place = sides
        self.desk, self.phone = new_desk(liar.url, place), new_phone(liar.url, place)

    @property
    def is_over(self):
        return self.desk.end is not None or self.phone.end is not None

    async def run(self, lie=None):
        self.liar.next_session(lie)
        await self.open(renews=lie is not None and lie.renews)
        await self.ask(shows=lie is None or lie.shows is not False)
        if lie is not None:
            await self.wait(lie)
        await self.decide(approves=lie is None or (lie.shows is not False and not lie.declines))
        await self.talk()
        await self.reload(lying_node.PHONE_RELOADS, self.phone)
        await self.reload(lying_node.DESK_RELOADS, self.desk)
        await self.close()

    async def open(self, *, renews):
        self.liar.stage = lying_node.OPENING
        await self.desk.start()
        if renews:
            self.liar.links.append(self.desk.link)
            await self.desk.does("renew")
        self.liar.links.append(self.desk.link)

    async def ask(self, *, shows):
        if self.is_over:
            return
        self.liar.stage = lying_node.ASKING
        self.phone.link = self.desk.link
        await self.phone.start()
        await until(lambda: self.desk.is_asked or self.is_over)
        await until(
            lambda: (
                self.is_over
                or self.phone.numbers
                or (not shows and self.liar.count(PHONE, "pair_ack") > 0)
            )
        )

    async def wait(self, lie):
        """Reload a side before the answer, if the lie is about that."""
        for stage, side in (
            (lying_node.PHONE_WAITS, self.phone),
            (lying_node.DESK_WAITS, self.desk),
        ):
            if stage in lie.stages and not self.is_over:
                self.liar.stage = stage
                await side.reload()
                await until(lambda: self.desk.is_asked or self.is_over)

    async def decide(self, *, approves):
        if self.is_over:
            return
        self.liar.stage = lying_node.ASKING
        if approves:
            (number,) = self.phone.numbers
            await self.desk.does("approve", code=number)
        else:
            await self.desk.does("decline")
        await until(lambda: all(side.is_approved or side.end for side in (self.desk, self.phone)))

    async def talk(self):
        if self.is_over:
            return
        self.liar.stage = lying_node.TALKING
        for side, other, count in (
            (self.desk, PHONE, 4),
            (self.phone, DESK, 8),
            (self.desk, PHONE, 4),
        ):
            wanted = self.liar.count_signals(other) + count
            for _ in range(count):
                await self.say(side)
            await until(
                lambda at=other, wanted=wanted: (
                    self.is_over or self.liar.count_signals(at) == wanted
                )
            )
        self.liar.stage = None
        await self.hear_each_other()

    async def reload(self, stage, side):
        if self.is_over:
            return
        self.liar.stage = stage
        await side.reload()
        await self.hear_each_other()

    async def hear_each_other(self):
        """Each says something twice, and the other hears the last of it."""
        if self.is_over:
            return
        for _ in range(2):
            for side in (self.desk, self.phone):
                await self.say(side)
        await until(
            lambda: (
                self.is_over
                or (
                    self.phone.heard[-1:] == self.desk.said[-1:]
                    and self.desk.heard[-1:] == self.phone.said[-1:]
                )
            )
        )

    async def say(self, side):
        if not self.is_over:
            await side.send(f"{side.role} says {len(side.said)}")

    async def close(self):
        self.liar.stage = None
        if self.desk.end is None:
            await self.desk.does("close")
        await until(lambda: self.desk.end and (self.phone.end or not self.phone.is_there))


def believes_only(side, other):
    """Check that a side has heard what the other has said, each at most once and in order."""
    said = iter(other.said)
    assert all(value in said for value in side.heard), (side.heard, other.said)


@pytest.mark.parametrize("lie", LIES, ids=str)
async def test_lie_is_not_believed(liar, sides, lie):
    if lie.kind == "takes another session's":
        await Pairing(liar, sides).run()
    pairing = Pairing(liar, sides)
    await pairing.run(lie)
    desk, phone = pairing.desk, pairing.phone
    assert liar.lies > 0, "the lie was told"
    assert lie.desk in (desk.end, None)
    assert lie.phone in (phone.end, None)
    believes_only(desk, phone)
    believes_only(phone, desk)
    assert len(phone.numbers) in ({0, 1} if lie.shows is None else {int(lie.shows)})
    assert phone.names <= {"Desk"}
    assert desk.names <= {lie.asker} - {None}
    assert desk.notices - {desk.end} == lie.desk_notices
    assert phone.notices - {phone.end} == lie.phone_notices


async def test_honest_node_is_believed(liar, sides):
    pairing = Pairing(liar, sides)
    await pairing.run()
    assert (pairing.desk.end, pairing.phone.end) == ("closed", "closed")
    assert pairing.desk.heard == pairing.phone.said
    assert pairing.phone.heard == pairing.desk.said
    assert (pairing.desk.notices, pairing.phone.notices) == (set(), set())

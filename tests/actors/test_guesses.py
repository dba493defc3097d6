import pytest

from proxim.actors.limits import LOOPBACK, LimitSettings
from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.errors import RequestError
from tests.actors.helpers import DEVICE, KEY, PERSISTENT, WRONG, Node

HERE, THERE = "192.0.2.1", "192.0.2.2"
LONG_WRONG = "w" * 43


@pytest.fixture
async def strict(nursery):
    """A node that refuses after three wrong secrets."""
    node = Node(limit_settings=LimitSettings(guesses_per_address=3, restart_time=0.0))
    await nursery.start(node.supervisor.run)
    return node


async def refused(client, node, message):
    """Return the error and its delay."""
    with pytest.raises(RequestError) as caught:
        await node.router.route(client, message)
    return caught.value.code, caught.value.delay


@pytest.mark.parametrize("token", [WRONG, LONG_WRONG], ids=["short", "whole"])
@pytest.mark.parametrize("exists", [True, False], ids=["session", "no session"])
async def test_wrong_guesses_are_delayed_and_then_refused(autojump_clock, strict, token, exists):
    meeting = await strict.prompts()
    session_id = meeting.id if exists else "no-such-session"
    guesses = [
        wire.Resume(session_id=session_id, resume_token=token),
        wire.PairRequest(session_id=session_id, token=token, device_info=DEVICE),
        wire.Resume(session_id=session_id, resume_token=token),
    ]
    answers = [await refused(strict.connect(HERE), strict, guess) for guess in guesses]
    assert answers == [("unknown_session", 0.1), ("unknown_session", 0.2), ("unknown_session", 0.4)]
    for guess in guesses:
        assert await refused(strict.connect(HERE), strict, guess) == ("rate_limited", 0.0)
    assert strict.supervisor.stats.refusals["guesses_per_address"] == 3
    elsewhere = strict.connect(THERE)
    assert await refused(elsewhere, strict, guesses[0]) == ("unknown_session", 0.1)


@pytest.mark.parametrize("wrong", [WRONG, LONG_WRONG], ids=["short", "whole"])
async def test_right_token_passes_after_any_number_of_wrong_ones(autojump_clock, strict, wrong):
    meeting = await strict.prompts()
    for _ in range(10):
        guess = wire.Resume(session_id=meeting.id, resume_token=wrong)
        await refused(strict.connect(HERE), strict, guess)
    assert isinstance(await strict.connect(HERE).asks(meeting.resume()), wire.Resumed)
    again = strict.connect(HERE)
    assert await refused(again, strict, meeting.pair_request()) == ("token_used", 0.0)
    other = await strict.invites(host=meeting.host)
    for _ in range(10):
        guess = wire.PairRequest(session_id=other.id, token=wrong, device_info=DEVICE)
        await refused(strict.connect(HERE), strict, guess)
    assert isinstance(await strict.connect(HERE).asks(other.pair_request()), wire.PairPending)


async def test_short_token_is_not_looked_at_after_too_many_wrong_ones(autojump_clock, strict):
    host, pin = await strict.host(), "1234"
    hashed = tokens.encode(tokens.digest(pin))
    created = await host.asks(wire.CreateSession(session_type=PERSISTENT, token_hash=hashed))

    def request(token):
        session_id = created.session.session_id
        return wire.PairRequest(session_id=session_id, token=token, device_info=DEVICE)

    for number in range(3):
        await refused(strict.connect(HERE), strict, request(f"000{number}"))
    assert await refused(strict.connect(HERE), strict, request(pin)) == ("rate_limited", 0.0)
    assert isinstance(await strict.connect(THERE).asks(request(pin)), wire.PairPending)


async def test_sessions_that_are_gone_are_not_guesses(autojump_clock, strict):
    for number in range(30):
        guess = wire.Resume(session_id=f"gone-{number}", resume_token=LONG_WRONG)
        answer = await refused(strict.connect(HERE), strict, guess)
        assert answer == ("unknown_session", 0.1)


async def test_guesses_without_an_address_are_not_counted(autojump_clock, strict):
    guess = wire.Resume(session_id="no-such-session", resume_token=WRONG)
    for _ in range(5):
        assert await refused(strict.connect(), strict, guess) == ("unknown_session", 0.0)


async def test_right_token_is_not_a_guess(autojump_clock, strict):
    meeting = await strict.prompts()
    for _ in range(5):
        assert isinstance(await strict.connect(HERE).asks(meeting.resume()), wire.Resumed)
        again = strict.connect(HERE)
        assert await refused(again, strict, meeting.pair_request()) == ("token_used", 0.0)


# -- access tokens ---------------------------------------------------------------------------


def register(token):
    return wire.Register(uuid="desk", key=KEY, access_token=token)


async def test_wrong_access_token_is_a_guess_and_a_missing_one_is_not(autojump_clock, nursery):
    node = Node(limit_settings=LimitSettings(guesses_per_address=1), access_token="right")
    await nursery.start(node.supervisor.run)
    client = node.connect(HERE)
    for _ in range(3):
        assert await refused(client, node, register(None)) == ("access_denied", 0.0)
    assert isinstance(await client.asks(register("right")), wire.Registered)
    assert await refused(client, node, register("wrong")) == ("access_denied", 0.1)
    assert await refused(client, node, register("right")) == ("rate_limited", 0.0)
    guess = wire.Resume(session_id="no-such-session", resume_token=LONG_WRONG)
    assert await refused(client, node, guess) == ("unknown_session", 0.1), "counted apart"


LATE = [("access_denied", 0.1), ("access_denied", 0.2), *[("rate_limited", 0.0)] * 2]
SLOW = [("access_denied", seconds) for seconds in (0.1, 0.2, 0.4, 0.4)]


@pytest.mark.parametrize(
    ("right", "address", "answers"),
    [
        ("r" * 22, HERE, LATE),
        ("right", None, SLOW),
        ("r" * 22, None, [("access_denied", 0.0)] * 4),
    ],
    ids=["long access token", "loopback", "long access token on loopback"],
)
async def test_wrong_access_tokens_do_not_lock_the_owner_out(
    autojump_clock, nursery, right, address, answers
):
    node = Node(limit_settings=LimitSettings(guesses_per_address=2), access_token=right)
    await nursery.start(node.supervisor.run)
    for answer in answers:
        client = node.connect(address, (LOOPBACK,))
        assert await refused(client, node, register("no")) == answer
    owner = node.connect(address, (LOOPBACK,))
    assert isinstance(await owner.asks(register(right)), wire.Registered)


async def test_short_access_token_cannot_be_guessed_from_loopback_that_is_counted(
    autojump_clock, nursery
):
    node = Node(limit_settings=LimitSettings(guesses_per_address=2), access_token="right")
    await nursery.start(node.supervisor.run)
    for answer in LATE:
        client = node.connect("127.0.0.1", (LOOPBACK,))
        assert await refused(client, node, register("no")) == answer
    client = node.connect("127.0.0.1", (LOOPBACK,))
    assert await refused(client, node, register("right")) == ("rate_limited", 0.0)

"""``proxim conform``: right clients pass, and each wrong one fails the case that it should."""

import pytest

from proxim.conform.case import Role
from proxim.conform.run import CASES
from tests.conform.raw_client import RawGuest, RawHost
from tests.conform.raw_host import RawSealedHost
from tests.conform.raw_sealed import RawSealedGuest
from tests.conform.wrong import failures_of, mistaken
from tests.conform.wrong_sealed import AS_IN_A_PLAIN_SESSION, WRONG_SEALED

WRONG_SIDE = [
    ("early", "silent-before-approval", "which is wrong here"),
    ("any reason", "approval-timeout", "right is"),
    ("echo", "signal-in", "right is"),
    ("wraps", "signal-out", "right is"),
    ("small", "signal-large", "did not tell"),
    ("lossy", "signal-many", "did not tell"),
    ("any session", "signal-of-another-session", "right is"),
    ("strict fields", "unknown-field", "did not tell"),
    ("strict", "unknown-message", "did not tell"),
    ("fragile", "error-is-no-end", "did not tell"),
    ("fragile", "unknown-error", "did not tell"),
    ("no presence", "peer-offline", "did not tell"),
    ("stays", "close", "did not send `close_session`"),
    ("deaf", "ended", "did not tell"),
    ("listens on", "ended-twice", "the client told"),
    ("known reasons", "ended-for-a-new-reason", "did not tell"),
    ("back when replaced", "replaced", "connected, which is wrong"),
    ("back once", "comes-back-twice", "did not connect"),
    ("forgets", "sends-after-coming-back", "did not send `signal`"),
    ("any reason", "shutdown", "right is"),
    ("no refresh", "refresh-ice", "did not send `refresh_ice`"),
]
"""What a wrong guest or host does, the case that finds it, and a part of what that says."""

WRONG_GUEST = [
    ("any link", "link-invalid", "did not tell"),
    ("other subprotocol", "asks", "the client offered other"),
    ("binary", "asks", "a binary frame"),
    ("needs features", "asks-without-subprotocol", "closed the connection"),
    ("no code", "code", "did not tell"),
    ("hasty", "pending-is-not-approved", "the client told"),
    ("any reason", "rejected", "right is"),
    ("never cancels", "cancels", "did not send `pair_cancel`"),
    ("cancels anywhere", "cancel-needs-feature", "which is wrong here"),
    ("insists", "token-used", "which is wrong here"),
    ("any error", "link-lapsed", "right is"),
    ("any error", "host-offline", "right is"),
    ("any error", "unknown-session", "right is"),
    ("asks again", "code-again", "right is `resume`"),
    ("asks again", "comes-back", "right is `resume`"),
    ("asks again", "reload", "right is `resume`"),
    ("old token", "rotates", "`resume.resume_token` is"),
    ("tough", "gone-after-coming-back", "did not tell"),
    ("insists", "gone-after-coming-back", "which is wrong here"),
    ("any reason", "token-reused", "right is"),
]

WRONG_HOST = [
    ("own link", "registers", "right is"),
    ("decides alone", "asks-the-person", "which is wrong here"),
    ("hasty", "approves", "the client told"),
    ("any decision", "declines", "right is False"),
    ("no code", "code", "`pair_decision.code` is"),
    ("tough", "too-late", "did not tell"),
    ("another key", "prompt-after-coming-back", "another owner"),
    ("another key", "comes-back", "another owner"),
    ("another key", "reload", "another owner"),
    ("deaf", "gone-after-coming-back", "did not tell"),
    ("no renewal", "renews", "did not send `renew_link`"),
    ("fragile", "contested", "the client told"),
    ("any error", "access-denied", "right is"),
    ("any error", "limit-reached", "right is"),
]

CLIENTS = {
    (Role.GUEST, False): (RawGuest, WRONG_SIDE + WRONG_GUEST),
    (Role.HOST, False): (RawHost, WRONG_SIDE + WRONG_HOST),
    (Role.GUEST, True): (RawSealedGuest, WRONG_SEALED[Role.GUEST]),
    (Role.HOST, True): (RawSealedHost, WRONG_SEALED[Role.HOST]),
}

# The WebSocket library of the wrong clients answers pings by itself.
WITHOUT_A_WRONG_CLIENT = AS_IN_A_PLAIN_SESSION | {"websocket-ping"}

KINDS = pytest.mark.parametrize(
    ("role", "sealed"),
    list(CLIENTS),
    ids=[f"{'sealed' if sealed else 'plain'} {role}" for role, sealed in CLIENTS],
)


def ids_of(role, sealed):
    return {case.id for case in CASES[role] if ("seal" in case.features) is sealed}


@KINDS
@pytest.mark.full("right and wrong clients")
@pytest.mark.real_time
@pytest.mark.usefixtures("validated")
async def test_right_client_passes_every_case(role, sealed):
    client, _ = CLIENTS[role, sealed]
    failures = await failures_of(client, role, ids_of(role, sealed))
    assert not failures, "\n".join(failures)


@KINDS
@pytest.mark.full("right and wrong clients")
@pytest.mark.real_time
async def test_wrong_client_fails_the_case(role, sealed):
    client, table = CLIENTS[role, sealed]
    wrong = await mistaken(client, role, table)
    assert not wrong, "\n".join(wrong)


@KINDS
def test_every_case_has_a_wrong_client(role, sealed):
    found = {id for _, id, _ in CLIENTS[role, sealed][1]}
    assert found == ids_of(role, sealed) - WITHOUT_A_WRONG_CLIENT

import math
from datetime import timedelta

import pytest
from msgspec import UNSET

from proxim.protocol.messages import Reason, SessionType, Status
from proxim.session.state import Alarm, State
from tests.session.helpers import (
    BORN,
    DEVICE,
    ID,
    PERSISTENT,
    QR_TTL,
    START,
    TEMPORARY,
    TTL,
    Meeting,
    approved,
    asked,
    ended,
)


@pytest.mark.parametrize("kind", SessionType)
def test_only_a_temporary_session_has_an_expiry(kind):
    session = Meeting(kind).session
    temporary = kind is TEMPORARY
    assert session.describe().expires_at == (BORN + timedelta(seconds=TTL) if temporary else None)
    assert session.deadline == (START + TTL if temporary else math.inf)


def test_session_object_has_the_fields_of_the_session():
    info = Meeting(PERSISTENT).session.describe()
    assert (info.session_id, info.uuid, info.session_type) == (ID, "desk", PERSISTENT)
    assert (info.created_at, info.device_info, info.reason) == (BORN, None, UNSET)
    assert (info.host_online, info.guest_online) == (True, False)
    info = asked(PERSISTENT).session.describe()
    assert (info.device_info, info.host_online, info.guest_online) == (DEVICE, True, True)
    assert ended(PERSISTENT).session.describe().reason is Reason.CLOSED


def test_prompted_session_is_pending_on_the_wire():
    stages = [stage().session for stage in (Meeting, asked, approved, ended)]
    assert [session.state for session in stages] == [*State]
    assert [session.status for session in stages] == ["pending", "pending", "approved", "expired"]
    assert [session.ended for session in stages] == [False, False, False, True]


@pytest.mark.parametrize("reason", Reason)
def test_only_a_rejected_session_has_the_status_rejected(reason):
    session = ended().session
    session.reason = reason
    assert session.status is (Status.REJECTED if reason == "rejected" else Status.EXPIRED)


def test_every_alarm_has_a_reason():
    reasons = ["approval_timeout", "expired", "disconnected", "disconnected"]
    assert [alarm.reason for alarm in Alarm] == reasons


def test_link_works_no_longer_than_the_session():
    assert Meeting(PERSISTENT).session.pair_within(START + 100) == QR_TTL - 100
    assert Meeting(TEMPORARY, ttl=150).session.pair_within(START + 100) == 50
    assert Meeting(PERSISTENT).session.pair_within(START + QR_TTL + 1) == 0

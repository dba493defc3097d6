"""Known devices in a terminal: remembered by a key, and let in again by another one."""

import json
import time
from datetime import datetime

import pytest
import trio

from proxim.cli.known import describe
from proxim.client import Device, granted, open_guest, open_visit
from proxim.devices.store import MemoryStore
from proxim.sealing.device import device_key_of
from tests.cli.helpers import FIELD, PATIENCE
from tests.cli.test_person import LINK

REMEMBERED = r"“Phone” is remembered for 30 days\."
OFFER = r"(?m)^\[ \] Remember “Phone” for 30 days \(R\)$"
TAKEN = r"(?m)^\[x\] Remember “Phone” for 30 days \(R\)$"
ASKS = r"“Phone”, known since \d+ \w+, here (today|yesterday), asks to connect\."

KEYS = r"Y lets it in, N declines\. 0:\d\d left\."
DECLINED = r"“Phone” was declined\."


def events(out):
    return [json.loads(line) for line in out.splitlines()]


def remember(start, node, *options):
    """Have a host remember a phone, and return the host's name."""
    host = start("host", "--node", node, "--remember", "Phone", "--json", *options)
    guest = start("join", host.event("session")["link"], "--name", "Phone", "--json")
    code = guest.event("pending")["code"]
    host.event("prompt")
    host.type(f"{code}\n")
    assert host.event("remembered")["device"]["name"] == "Phone"
    name = guest.event("remembered")["host"]
    host.type("/close\n")
    assert (host.exit(), guest.exit()) == (0, 0)
    return name


@pytest.fixture
def known(start, node):
    """The name of a host that remembers a phone."""
    return remember(start, node)


@pytest.fixture
def wait_until_open(run, node):
    """Waits until the device can ask: its session is there, and the host is in its seat.

    A host opens the session when it starts, and again after each visit.
    """

    def wait():
        deadline = time.monotonic() + PATIENCE
        while not any(
            (each["session_type"], each["status"]) == ("persistent", "pending")
            and each["host_online"]
            for each in events(run("sessions", "list", "--node", node, "--json")[0])
        ):
            assert time.monotonic() < deadline

    return wait


def test_device_is_remembered_by_a_key_and_comes_again_by_another(start, node):
    desk = start("host", "--node", node, terminal=True)
    guest = start("join", desk.see(LINK)[1], "--name", "Phone", terminal=True)
    desk.see(OFFER)
    desk.type_until("r", TAKEN)
    desk.type_number(guest)
    desk.see(REMEMBERED)
    desk.see("Connected")
    name = guest.see(r"Next time: \S+ join --to (\S+)")[1]
    guest.see("Connected")
    desk.type("/close\n")
    assert (desk.exit(), guest.exit()) == (0, 0)

    desk = start("host", "--known-only", "--node", node, terminal=True)
    for number, answer in enumerate("yny"):
        desk.see(r"Waiting for known devices\.")
        guest = start("join", "--to", name, "--name", "Phone", terminal=True)
        desk.see(ASKS)
        guest.see(r"Waiting for approval")
        desk.see(KEYS)
        desk.type(answer)
        desk.see("Connected" if answer == "y" else DECLINED)
        if answer == "y":
            guest.see("Connected")
            guest.type(f"hello {number}\n")
            desk.see(f"< hello {number}")
            guest.type("/close\n")
        assert guest.exit() == (0 if answer == "y" else 1)


def test_device_is_not_remembered_unless_the_person_wants_it(start, node, run):
    desk = start("host", "--node", node, terminal=True)
    guest = start("join", desk.see(LINK)[1], "--name", "Phone", terminal=True)
    desk.see(OFFER)
    desk.type_until("r", TAKEN)
    desk.type_until("R", OFFER)
    desk.type_number(guest)
    desk.see("Connected")
    assert "remembered" not in desk.text
    assert run("devices", "list", "--node", node) == ("No known devices.\n", "", 0)


def test_known_device_comes_in_place_of_one_that_scans_the_code(
    start, node, known, wait_until_open
):
    desk = start("host", "--node", node, terminal=True)
    desk.see(LINK)
    wait_until_open()
    guest = start("join", "--to", known, "--name", "Phone", terminal=True)
    desk.see(ASKS)
    desk.see(KEYS)
    desk.type("n")
    desk.see(DECLINED)
    assert guest.exit() == 1
    desk.see(LINK)
    wait_until_open()
    guest = start("join", "--to", known, "--name", "Phone", terminal=True)
    desk.see(KEYS)
    desk.type("y")
    for side in (desk, guest):
        side.see("Connected")
    desk.type("/close\n")
    assert (desk.exit(), guest.exit()) == (0, 0)


QUIET = r"“Phone”, declined twice, asks again\. A shows it: 0:\d\d left\."


@pytest.mark.parametrize("options", [(), ("--known-only",)])
def test_device_that_was_declined_twice_waits_in_a_line(
    start, node, known, options, wait_until_open
):
    desk = start("host", "--node", node, *options, terminal=True)
    waits = r"Waiting for known devices\." if options else LINK
    for _ in range(2):
        desk.see(waits)
        wait_until_open()
        guest = start("join", "--to", known, "--name", "Phone", terminal=True)
        desk.see(KEYS)
        desk.type("n")
        desk.see(DECLINED)
        assert guest.exit() == 1
    wait_until_open()
    guest = start("join", "--to", known, "--name", "Phone", terminal=True)
    desk.see(QUIET)
    desk.see(waits)
    desk.type("y")  # Nothing asks.
    guest.see(r"Waiting for approval")
    desk.type_until("a", KEYS)
    desk.type("y")
    for side in (desk, guest):
        side.see("Connected")


def test_declined_device_that_scans_a_code_is_shown_by_a_key(start, node, monkeypatch):
    grants = MemoryStore()

    async def pair(desk):
        async with open_guest(desk.event("session")["link"], name="Phone", grants=grants) as guest:
            code = await guest.wait_code()
            await trio.to_thread.run_sync(desk.event, "prompt")
            desk.type(f"{code}\n")
            await guest.approved()

    async def decline(desk):
        (grant,) = grants.load()
        async with open_visit(grant, name="Phone", grants=grants) as guest:
            await trio.to_thread.run_sync(desk.see, KEYS)
            desk.type("n")
            assert (await guest.ended()).reason == "rejected"

    async def scan(desk, link):
        key = device_key_of(grants.load()[0].private)
        monkeypatch.setattr(granted, "new_device_key", lambda draw: key)
        async with open_guest(link, name="Phone", grants=grants) as guest:
            code = await guest.wait_code()
            await trio.to_thread.run_sync(desk.see, r"A declined device asks again\. A shows its")
            await trio.to_thread.run_sync(desk.type_until, "a", FIELD)
            desk.type(f"{code}\n")
            await guest.approved()

    trio.run(pair, start("host", "--node", node, "--remember", "Phone", "--json"))
    desk = start("host", "--node", node, terminal=True)
    for _ in range(2):
        desk.see(LINK)
        trio.run(decline, desk)
        desk.see(DECLINED)
    trio.run(scan, desk, desk.see(LINK)[1])
    desk.see("Approved")


def test_line_of_a_device_goes_when_it_stops_asking(start, node, known, wait_until_open):
    desk = start("host", "--known-only", "--node", node, terminal=True)
    for _ in range(2):
        wait_until_open()
        guest = start("join", "--to", known, terminal=True)
        desk.see(KEYS)
        desk.type("n")
        desk.see(DECLINED)
        assert guest.exit() == 1
    wait_until_open()
    guest = start("join", "--to", known, terminal=True)
    desk.see(QUIET)
    guest.type("\x03")
    assert guest.exit() == 1
    desk.see(r"(?s)\A(?!.*declined twice)")


def test_program_is_told_that_a_visit_is_silent(start, node, known, wait_until_open):
    desk = start("host", "--known-only", "--node", node, "--json")
    for is_silent in (False, False, True):
        wait_until_open()
        phone = start("join", "--to", known, "--json")
        assert desk.event("visit")["silent"] is is_silent
        desk.type("n\n")
        assert phone.event("ended")["reason"] == "rejected"


def test_device_that_always_comes_in_is_told_of_and_disconnected_by_a_line(
    start, node, wait_until_open
):
    name = remember(start, node, "--always")
    desk = start("host", "--known-only", "--node", node, terminal=True)
    desk.see("Waiting for known devices")
    wait_until_open()
    guest = start("join", "--to", name, "--json")
    desk.see(r"“Phone”, known since .*, is connected without a question\. /close disconnects it\.")
    guest.event("result")
    desk.see("Connected")
    desk.type("/close\n")
    assert guest.event("ended")["reason"] == "closed"
    desk.see("Waiting for known devices")


def test_second_device_is_turned_away_while_one_is_connected(start, node, known):
    desk = start("host", "--node", node, "--json")
    session = desk.event("session")
    guest = start("join", session["link"], "--json")
    code = guest.event("pending")["code"]
    desk.event("prompt")
    desk.type(f"{code}\n")
    guest.event("result")
    phone = start("join", "--to", known, "--json")
    assert phone.event("ended")["reason"] == "rejected"
    visit = desk.event("visit")
    assert (visit["device"]["name"], visit["approved"]) == ("Phone", False)


def test_device_that_always_comes_in_is_disconnected_while_a_question_is_open(start, node):
    name = remember(start, node, "--always")
    desk = start("host", "--node", node, "--json")
    guest = start("join", desk.event("session")["link"], "--json")
    code = guest.event("pending")["code"]
    desk.event("prompt")
    phone = start("join", "--to", name, "--json")
    assert phone.event("ended")["reason"] == "closed"
    assert desk.event("visit")["approved"] is False
    desk.type(f"{code}\n")
    assert guest.event("result")["status"] == "approved"


def test_known_device_comes_after_the_code_has_expired(start, serve):
    node = serve("--qr-ttl", "2")
    name = remember(start, node)
    desk = start("host", "--node", node, terminal=True)
    desk.see("This link has expired")
    guest = start("join", "--to", name, terminal=True)
    desk.see(KEYS)
    desk.type("n")
    desk.see(DECLINED)
    assert guest.exit() == 1
    desk.see("This link has expired")
    desk.type_until("\n", LINK)


def test_devices_are_listed_renamed_and_forgotten(start, node, known, run):
    out, _, code = run("devices", "list", "--node", node, "--json")
    (device,) = events(out)
    assert (device["name"], device["policy"], code) == ("Phone", "ask", 0)
    assert "Phone  asks" in run("devices", "list", "--node", node)[0]
    done = run("devices", "rename", "Phone", "Old phone", "--node", node)
    assert done == ("“Phone” is called “Old phone” now.\n", "", 0)
    _, err, code = run("devices", "forget", "Phone", "--node", node)
    assert (code, "no device is called “Phone”" in err) == (2, True)
    # An id may begin with a hyphen.
    out, err, code = run("devices", "forget", "--node", node, "--", device["id"])
    assert (out, err, code) == ("“Old phone” is forgotten.\n", "", 0)
    assert run("devices", "list", "--node", node) == ("No known devices.\n", "", 0)
    phone = start("join", "--to", known, "--json")
    out, _, code = phone.finish()
    (error,) = events(out)
    assert (error["event"], error["code"], code) == ("error", "host_offline", 1)


def test_device_that_another_program_forgets_is_disconnected(start, node, known, run):
    desk = start("host", "--known-only", "--node", node, "--json")
    desk.event("waiting")
    phone = start("join", "--to", known, "--json")
    desk.event("visit")
    desk.type("y\n")
    desk.event("connected")
    phone.event("result")
    assert run("devices", "forget", "--all", "--node", node)[2] == 0
    assert desk.event("ended")["reason"] == phone.event("ended")["reason"] == "closed"
    out, err, code = desk.finish()
    assert (code, "no device is known here" in err) == (2, True), out


def test_second_program_says_that_another_one_has_the_known_devices(start, node, known, run):
    first = start("host", "--known-only", "--node", node, "--json")
    first.event("waiting")
    _, err, code = run("host", "--known-only", "--node", node)
    assert (code, "another `proxim host` waits" in err) == (2, True)
    second = start("host", "--node", node, "--json")
    second.event("busy")
    second.event("session")


def test_host_that_knows_no_device_and_unknown_host_say_so(run, node):
    _, err, code = run("host", "--known-only", "--node", node)
    assert (code, "no device is known here" in err) == (2, True)
    _, err, code = run("join", "--to", "Desk")
    assert (code, "no host called “Desk” remembers this device" in err) == (2, True)
    _, err, code = run("join", "--to", "Desk", "http://x/join#y")
    assert (code, "give a link, or --to NAME" in err) == (2, True)
    for option in ("--yes", "--plain"):
        _, err, code = run("host", "--remember", "Phone", option, "--node", node)
        assert (code, "sealed session" in err) == (2, True)


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (None, "here on 3 May"),
        (datetime(2026, 12, 1, 9), "here today"),
        (datetime(2026, 11, 30, 23), "here yesterday"),
        (datetime(2025, 6, 7), "here on 7 Jun 2025"),
    ],
)
def test_device_is_described_by_its_last_visit(last, words):
    seen = None if last is None else last.timestamp()
    since = datetime(2026, 5, 3).timestamp()
    device = Device(id="s" * 22, name="My phone", policy="ask", since=since, end=0, last_seen=seen)
    now = datetime(2026, 12, 1, 10).timestamp()
    assert describe(device, now) == f"“My phone”, known since 3 May, {words}"

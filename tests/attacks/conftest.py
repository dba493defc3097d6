"""After every case: the same process, an echo within a second, nothing kept, no crash."""

from contextlib import contextmanager

import pytest

from tests.attacks.target import Bystander, Inside, MiB, Target, until

CRASH = ("Traceback", "crash", "failed", 'File "')


@pytest.fixture(scope="module")
def start():
    """Starts nodes of its own; each is ended with the file."""
    running = []

    def start(*options, **how):
        running.append(Target(*options, **how))
        return running[-1]

    yield start
    for each in running:
        each.stop()


@pytest.fixture(scope="module")
def options():
    """What the node of this file is given."""
    return ("--sweep-interval", "1")


@pytest.fixture(scope="module")
def slack():
    """Memory that the allocator may keep, over all cases of one file together."""
    return 24 * MiB


@pytest.fixture(scope="module")
def node_of_file(start, options, slack):
    node = start(*options)
    # What the first of everything costs is not the attack's.
    with node.host(uuid="first", key="f" * 43) as host:
        guest, session_id, _ = node.pair(host)
        with guest:
            guest.say("signal", session_id=session_id, data="x" * 30_000)
            host.hear("signal")
            host.ask("close_session", session_id=session_id)
    node.metrics()
    assert until(lambda: node.count("proxim_connections") == 0)
    node.baseline = node.descriptors(), node.memory() + slack
    return node


@pytest.fixture
def node(node_of_file):
    """The node of this file, and what has to be true of it after the case."""
    with guarded(node_of_file) as node:
        yield node


@pytest.fixture
def limited():
    """Makes a node for one case, with the one limit that it is about, in this process."""

    def make(*options):
        made.append(Inside(*options))
        return made[-1]

    made = []
    try:
        yield make
        for each in made:
            assert each.runs()
            assert "Traceback" not in each.log()
    finally:
        for each in made:
            each.stop()


@contextmanager
def guarded(node):
    """What has to be true of a node after a case."""
    log_before = node.log_size()
    bystander = Bystander(node)
    try:
        yield node
        assert node.process.poll() is None, f"the node is gone\n{node.log()}"
        assert bystander.echo_time() < 1
    finally:
        bystander.leave()
    log = node.log(log_before)
    assert not [line for line in log.splitlines() if any(word in line for word in CRASH)]
    descriptors, memory = node.baseline
    # Who presses on is closed after 10 s, and may take 5 s to part; a busy machine takes longer.
    assert until(lambda: node.descriptors() <= descriptors, 30), node.descriptors()
    too_much = "{:.0f} MiB more than may be kept"
    assert until(lambda: node.memory() <= memory, 15), too_much.format(
        (node.memory() - memory) / MiB
    )

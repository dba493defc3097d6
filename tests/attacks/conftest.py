"""After every case: the same process, an echo within a second, nothing kept, no crash."""

from contextlib import contextmanager

import pytest

from tests.attacks.target import Bystander, Inside, MiB, Target, until

CRASH = ("Traceback", "crash", "failed", 'File "')


@contextmanager
def starting():
    """Starts nodes of its own, and ends them."""
    running = []

    def start(*options, **how):
        running.append(Target(*options, **how))
        return running[-1]

    yield start
    for each in running:
        each.stop()


@pytest.fixture(scope="module")
def start():
    """Starts nodes of its own; each is ended with the file."""
    with starting() as start:
        yield start


@pytest.fixture(scope="module")
def options():
    """What the node of this file is given."""
    return ("--sweep-interval", "1")


@pytest.fixture(scope="module")
def slack():
    """Memory that the allocator may keep, over all cases of all files with that node."""
    return 24 * MiB


@pytest.fixture(scope="session")
def nodes():
    """The nodes that files share, by their options and the memory that they may keep."""
    found = {}
    with starting() as start:

        def get(*key):
            # One that a case has ended was that case's failure, and is not that of the next file.
            if key not in found or found[key].process.poll() is not None:
                options, slack = key
                found[key] = warm(start(*options), slack)
            return found[key]

        yield get


@pytest.fixture(scope="module")
def node_of_file(nodes, options, slack):
    """The node of this file, and of every other file that wants the same."""
    return nodes(options, slack)


def warm(node, slack):
    """Take from a node what the first of everything costs, and note its descriptors and memory."""
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
    with unharmed(node_of_file) as node:
        yield node
    leaves_nothing(node)


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
def unharmed(node):
    """What has to be true of a node at the end of a case: it runs, answers, and has no crash."""
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


def leaves_nothing(node):
    """What has to be true of a node some time after a case: it holds no more than before."""
    descriptors, memory = node.baseline
    # Who presses on is closed after 10 s, and may take 5 s to part; a busy machine takes longer.
    assert until(lambda: node.descriptors() <= descriptors), node.descriptors()
    too_much = "{:.0f} MiB more than may be kept"
    assert until(lambda: node.memory() <= memory), too_much.format((node.memory() - memory) / MiB)

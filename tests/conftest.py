"""Which tests run, which do not, and why; and what the tests of several rooms share."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter

import hypothesis
import pytest

from tests import systems

# Before any conftest of a room imports what is tested.
systems.hide_if_asked()

if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # Started with `nohup`. A process inherits what is ignored, but not what is handled.
    signal.signal(signal.SIGHUP, lambda *_: None)

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

FRONT_DOORS = {
    "full": "make test-all",
    "slow": "make attacks, make faults",
    "release": "make release-check",
    "docker": "make compose",
}
"""Marks of the tests that ``make test`` leaves out, and what runs them."""
PLACES = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))

left_out = pytest.StashKey[Counter]()


def pytest_addoption(parser):
    parser.addoption(
        "--system", choices=systems.SYSTEMS, help="hide from proxim what this system lacks"
    )
    for mark, door in FRONT_DOORS.items():
        parser.addoption(
            f"--{mark}", action="store_true", help=f"as {door}: run tests marked {mark}"
        )


def pytest_xdist_auto_num_workers(config):
    """Return two workers a core: half of the suite's time is spent waiting for a process."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Return what shares the tests among the workers: by file, and in a browser each alone."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            # Each takes up to a minute, and shares nothing with the others of its file.
            return nodeid if nodeid.startswith("tests/browser/") else super()._split_scope(nodeid)

    return Scheduling(config, log)


def pytest_collection_modifyitems(config, items):
    """Leave out the tests whose mark was not asked for; skip those whose program is missing."""
    out = config.stash[left_out] = Counter()
    kept = []
    for item in items:
        for mark in FRONT_DOORS:
            if (found := item.get_closest_marker(mark)) and not config.getoption(f"--{mark}"):
                out[mark, found.args[0]] += 1
                break
        else:
            kept.append(item)
        for needs in item.iter_markers("needs"):
            if missing := [name for name in needs.args if shutil.which(name, path=PLACES) is None]:
                item.add_marker(pytest.mark.skip(f"{' and '.join(missing)}: not installed"))
    items[:] = kept
    systems.skip_what_is_not_there(items)


def pytest_sessionfinish(session):
    """CI has what every test needs, so a test that is skipped there is a failure.

    But not one that needs what ``--system`` hides.
    """
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["left_out"] = [*config.stash.get(left_out, Counter()).items()]
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if os.environ.get("CI") and not all(map(systems.is_excused, skipped)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    # Every worker collects the same tests, so the last one's count is everybody's.
    if error is None:
        out = ((tuple(key), count) for key, count in node.workeroutput["left_out"])
        node.config.stash[left_out] = Counter(dict(out))


def pytest_terminal_summary(terminalreporter, config):
    """Say which tests did not run, and why, in one line for each front door."""
    out = config.stash.get(left_out, Counter())
    for mark, door in FRONT_DOORS.items():
        reasons = {reason: count for (of, reason), count in out.items() if of == mark}
        if reasons:
            told = ", ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))
            terminalreporter.write_line(f"Left to {door}: {sum(reasons.values())} tests. {told}.")
    skips = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", []))
    for reason, count in skips.items():
        terminalreporter.write_line(f"Skipped: {count}. {reason.removeprefix('Skipped: ')}.")


@pytest.fixture
def node_process():
    """The address of a real ``proxim serve``."""
    command = [sys.executable, "-m", "proxim", "serve", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http://\S+", process.stdout.readline())[0]
    finally:
        process.terminate()
        process.wait(timeout=15)
        process.stdout.close()

"""The systemd units of docs/deploy, judged by systemd."""

import os
import re
import subprocess
import sys

import pytest

from tests.cli.helpers import PROXIM
from tests.deploy.proxies import DEPLOY

UNITS = ["proxim.service", "proxim.socket"]


@pytest.fixture
def units(tmp_path):
    """Both, with the program where it is on this machine."""
    for name in UNITS:
        text = (DEPLOY / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("/opt/proxim/bin/proxim", str(PROXIM)))
    return [tmp_path / name for name in UNITS]


def analyze(*arguments):
    done = subprocess.run(
        ["systemd-analyze", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.needs("systemd-analyze")
def test_the_units_are_in_order(units):
    assert analyze("verify", *units) == (0, "")


@pytest.mark.needs("systemd-analyze")
def test_the_service_is_shut_in(units):
    code, told = analyze("security", "--offline=true", "--threshold=15", "--no-pager", units[0])
    exposure = re.search(r"exposure level for proxim.service: ([\d.]+)", told)
    assert exposure, told
    assert (code, float(exposure[1]) <= 1.5) == (0, True), told


def hidden():
    """How the service sees /proc (systemd.exec(5): ProtectProc, ProcSubset)."""
    text = (DEPLOY / "proxim.service").read_text(encoding="utf-8")
    names = {"ProtectProc": "hidepid", "ProcSubset": "subset"}
    found = re.findall(r"^(ProtectProc|ProcSubset)=(\w+)", text, re.MULTILINE)
    return ",".join(f"{names[name]}={value}" for name, value in found)


def test_the_figures_of_the_process_can_be_read_in_the_service():
    if os.geteuid() != 0:
        pytest.skip("only root may have a /proc of its own")
    read = (
        "from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest;"
        "registry = CollectorRegistry(); ProcessCollector(registry=registry);"
        "print(generate_latest(registry).decode())"
    )
    shell = f'mount -t proc -o {hidden()} proc /proc && exec "$0" -c "{read}"'
    command = ["unshare", "--mount", "sh", "-c", shell, sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip(f"this machine gives nobody a /proc of its own: {done.stderr.strip()}")
    for figure in ("open_fds", "max_fds", "resident_memory_bytes", "cpu_seconds_total"):
        assert f"process_{figure} " in done.stdout, done.stdout + done.stderr


def test_the_port_and_the_files_are_those_of_the_other_examples():
    service = (DEPLOY / "proxim.service").read_text(encoding="utf-8")
    assert "PROXIM_CONFIG=/etc/proxim/proxim.toml" in service
    assert "ListenStream=127.0.0.1:8765" in (DEPLOY / "proxim.socket").read_text(encoding="utf-8")

"""The modules that an import of the package loads, in a new interpreter."""

import json
import subprocess
import sys

import pytest

import proxim

_NOT_FOR_AN_APPLICATION = {
    *("click", "rich", "redis", "coredis", "platformdirs", "prometheus_client", "asyncio"),
    *("cryptography", "pyhpke", "qrcode"),
    "proxim.cli",
}


def modules_after(program):
    """Return the modules that a program loads."""
    script = f"import json, sys; before = set(sys.modules)\n{program}\n"
    script += "print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout))


def test_package_imports_only_its_version():
    ours = modules_after("import proxim")
    theirs = {name for name in ours if name.partition(".")[0] not in sys.stdlib_module_names}
    assert theirs <= {"proxim", "proxim.version", "proxim._version"}


@pytest.mark.parametrize("name", ["Node", "run_in_thread"])
def test_node_does_not_import_the_command_line(name):
    ours = modules_after(f"import proxim; proxim.{name}")
    assert "proxim.node" in ours
    assert ours.isdisjoint(_NOT_FOR_AN_APPLICATION)


def test_every_public_name_is_importable():
    for name in proxim.__all__:
        assert getattr(proxim, name) is getattr(proxim, name)
    assert set(proxim.__all__) <= set(dir(proxim))
    assert not hasattr(proxim, "no_such_thing")


@pytest.mark.full("mypy")
def test_type_checker_sees_the_public_names(tmp_path):
    script = tmp_path / "application.py"
    script.write_text(
        "import proxim\n"
        "with proxim.run_in_thread(port=0) as node:\n"
        "    session = node.open_session(decide=lambda prompt: len(prompt.device_info.name) > 3)\n"
        "    reveal_type(session)\n"
        "    reveal_type(proxim.qr.png)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", script],
        capture_output=True,
        text=True,
        timeout=900,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'Revealed type is "proxim.threads.session.ThreadSession"' in done.stdout
    assert "-> builtins.bytes" in done.stdout or "-> bytes" in done.stdout

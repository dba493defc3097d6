"""The modules that an import of the package loads, in a new interpreter."""

import inspect
import json
import pydoc
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


def test_sealing_is_loaded_by_no_plain_session_and_no_server():
    """A host, a guest, an embedded host and ``proxim serve`` start without it."""
    ours = modules_after(
        "import proxim.cli.serve, proxim.cli.host, proxim.cli.join, proxim.sync, proxim.aio\n"
        "from proxim.cli import main\n"
        "async def pair():\n"
        "    async with (\n"
        "        proxim.Node(port=0) as node,\n"
        "        proxim.open_host(node.url, uuid='desk') as host,\n"
        "        proxim.open_guest((await host.create('one_time')).link, name='Phone') as guest,\n"
        "    ):\n"
        "        prompt = await next(iter(host.sessions.values())).prompt()\n"
        "        await prompt.approve()\n"
        "        await guest.approved()\n"
        "import proxim, trio\n"
        "trio.run(pair)\n"
    )
    assert "proxim.cli.serve" in ours
    assert "proxim.sealing.link" in ours
    assert ours.isdisjoint({"cryptography", "pyhpke", "proxim.sealing.peer"})


def test_scripts_import_neither_a_node_nor_asyncio():
    ours = modules_after("import proxim; proxim.sync.open_host")
    assert ours.isdisjoint({*_NOT_FOR_AN_APPLICATION, "proxim.node", "proxim.actors"})


def test_every_public_name_is_importable():
    for name in proxim.__all__:
        assert getattr(proxim, name) is getattr(proxim, name)
    assert not hasattr(proxim, "no_such_thing")


def test_completion_shows_public_names_alone():
    assert set(dir(proxim)) == {*proxim.__all__, "__version__"}
    for module in (proxim.aio, proxim.sync):
        assert dir(module) == sorted(module.__all__)
        assert {getattr(module, name).__name__ for name in module.__all__} == set(module.__all__)
    for module in (proxim.files, proxim.talk):
        assert dir(module) == sorted(module.__all__)


SESSION = {
    *("session_id", "status", "device_info", "peer_online", "ice_servers", "over"),
    *("send", "receive", "signals", "presence", "refresh_ice", "close", "ended"),
    *("channel", "refuse_channel", "sealed", "notices"),
}
TRIO = {
    "notice_after",
    "expect_channel",
    "presence_after",
    "receive_nowait",
    "wait_approved",
    "wait_over",
    "wait_readable",
}
HOST_SESSION = {
    "info",
    "link",
    "token",
    "qr_svg",
    "confirm",
    "decide",
    "links",
    "prompt",
    "renew",
}
GUEST = {"approved", "code", "grant", "host_name", "node_url", "resume_token", "wait_code"}
PROMPT = {"approve", "approve_unchecked", "decline", "device_info", "confirm", "can_remember"}
DEVICES = {"visit", "visits", "devices", "forget", "forget_all", "rename"}


@pytest.mark.parametrize(
    ("type_", "names"),
    [
        (proxim.HostSession, {*SESSION, *TRIO, *HOST_SESSION, "lapses_at", "link_after"}),
        (proxim.Guest, {*SESSION, *TRIO, *GUEST, "expires_at", "reachable"}),
        (proxim.Prompt, {*PROMPT, "expires_at", "is_over"}),
        (proxim.Host, {"create", "list", "close", "reachable", *DEVICES}),
        (proxim.Visit, {*SESSION, *TRIO, *HOST_SESSION, "lapses_at", "link_after", "device"}),
        *(
            each
            for module in (proxim.aio, proxim.sync)
            for each in (
                (module.HostSession, {*SESSION, *HOST_SESSION, "lapses_in", "talk"}),
                (module.Guest, {*SESSION, *GUEST, "expires_in", "talk"}),
                (module.Prompt, {*PROMPT, "expires_in", "is_over", "is_silent", "session_id"}),
                (module.Host, {"create", "list", "close", "sessions", "uuid", "key", *DEVICES}),
                (module.Visit, {*SESSION, *HOST_SESSION, "lapses_in", "talk", "device"}),
            )
        ),
    ],
    ids=lambda given: f"{given.__module__}.{given.__name__}" if isinstance(given, type) else "",
)
def test_classes_have_public_names_alone(type_, names):
    shown = {name for name in dir(type_) if not name.startswith("_")}
    # What is set by the constructor of a class of Trio is not an attribute of the class.
    assert shown <= names
    assert all(inspect.getdoc(getattr(type_, name)) for name in shown)
    assert "_handle" not in pydoc.plain(pydoc.render_doc(type_))


@pytest.mark.full("mypy")
def test_type_checker_sees_the_public_names(tmp_path):
    script = tmp_path / "application.py"
    script.write_text(
        "import proxim\n"
        "with proxim.run_in_thread(port=0) as node:\n"
        "    session = node.open_session(decide=lambda prompt: len(prompt.device_info.name) > 3)\n"
        "    reveal_type(session)\n"
        "    reveal_type(proxim.qr.png)\n"
        "async def main() -> None:\n"
        "    async with proxim.aio.open_host('http://x', uuid='desk') as host:\n"
        "        reveal_type(await host.create('one_time'))\n"
        "        reveal_type(await host.list())\n"
        "with proxim.sync.open_guest('link', name='Phone') as guest:\n"
        "    reveal_type(guest.ended(timeout=1))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", script],
        capture_output=True,
        text=True,
        timeout=900,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for type_ in (
        "proxim.sync.HostSession",
        "proxim.aio.HostSession",
        "list[proxim.protocol.fields.SessionInfo]",
        "proxim.protocol.errors.SessionOver",
    ):
        assert f'Revealed type is "{type_}"' in done.stdout.replace("builtins.", "")
    assert "-> builtins.bytes" in done.stdout or "-> bytes" in done.stdout

"""The commands of the page on certificates, as they stand there."""

import json
import os
import re
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from proxim.client import open_host

pytestmark = pytest.mark.needs("openssl")
PAGE = Path(__file__).parent.parent.parent / "docs" / "howto" / "tls.md"


def block(language, holding):
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return next(each for each in found if holding in each)


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """A folder with the certificate of the page."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["bash", "-ec", block("bash", "openssl req")], cwd=folder, check=True)
    return folder


@pytest.fixture
def node(certified):
    """The address of a node with that certificate."""
    command = [sys.executable, "-m", "proxim", "serve", "--port", "0"]
    command += ["--tls-cert", "cert.pem", "--tls-key", "key.pem"]
    process = subprocess.Popen(command, cwd=certified, stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"https://\S+", process.stdout.readline())[0]
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()


def host(node, certified, **environment):
    """What ``proxim host --json`` says first."""
    assert "SSL_CERT_FILE=cert.pem proxim host" in block("sh", "SSL_CERT_FILE")
    command = [sys.executable, "-m", "proxim", "host", "--node", node, "--json"]
    command += ["--identity", str(certified / "identity.json")]
    process = subprocess.Popen(
        command,
        cwd=certified,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        return json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait(timeout=60)
        process.stdout.close()


def test_the_command_line_trusts_the_file_that_the_environment_names(node, certified):
    assert host(node, certified, SSL_CERT_FILE="cert.pem")["link"].startswith(node)


def test_without_it_the_node_is_not_trusted(node, certified):
    refused = host(node, certified)
    assert refused["code"] == "connection_lost"
    what = f"the certificate of {node} is not valid: self-signed certificate"
    assert refused["message"] == f"{what}; SSL_CERT_FILE can name the file of its authority"


def test_certificate_for_another_name_is_told_apart(node, certified):
    by_name = node.replace("127.0.0.1", "localhost")
    told = host(by_name, certified, SSL_CERT_FILE="cert.pem")["message"]
    what = f"the certificate of {by_name} is not valid: Hostname mismatch"
    assert told.startswith(what)
    assert "SSL_CERT_FILE" not in told


async def test_the_python_sdk_trusts_a_context(node, certified, monkeypatch):
    monkeypatch.chdir(certified)
    names: dict[str, object] = {}
    exec(block("python", "open_host"), names)
    assert isinstance(names["context"], ssl.SSLContext)
    async with open_host(node, uuid="my-desktop", ssl_context=names["context"]) as host:
        assert (await host.create("one_time")).link.startswith(node)

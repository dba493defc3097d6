"""How a node joins a cluster, or is refused."""

import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from proxim import Node
from proxim.backends.redis.coordinator import LAYOUT
from tests import fork_server
from tests.backends.redis.nodes import KEY, Cluster, Couple
from tests.e2e.client import PATIENCE
from tests.ports import reserved_port


def refused(*options):
    done = fork_server.run("serve", "--port", "0", *options)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_node_without_a_cluster_imports_no_redis_client():
    code = (
        "import sys, trio, proxim.node as n\n"
        "async def main():\n"
        "    async with trio.open_nursery() as nursery:\n"
        "        node = n.Node(n.Settings(port=0))\n"
        "        await nursery.start(node.run)\n"
        "        node.stop()\n"
        "trio.run(main)\n"
        "wanted = {'coredis', 'cryptography', 'anyio', 'proxim.backends.redis.backend'}\n"
        "assert not wanted & set(sys.modules), wanted & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)


def test_unreachable_redis_is_named_without_its_password():
    with reserved_port() as port:
        code, said = refused("--cluster", f"redis://user:hunter2@127.0.0.1:{port}/0")
    assert code == 2
    assert f"127.0.0.1:{port}" in said
    assert "Redis does not answer" in said
    assert "hunter2" not in said
    assert "Traceback" not in said


def test_unsupported_redis_and_short_key_are_refused(shared_redis):
    for url in ("redis+sentinel://127.0.0.1/main", "redis-cluster://127.0.0.1"):
        code, said = refused("--cluster", url)
        assert code == 2
        assert "Redis Sentinel and Redis Cluster do not work" in said
    code, said = refused("--cluster", shared_redis.url, "--cluster-key", "short")
    assert code == 2
    assert "at least 32 characters" in said


@pytest.mark.parametrize("host", ["redis.example", "192.0.2.1", "[2001:db8::1]"])
def test_cluster_without_a_key_is_refused_unless_redis_is_on_this_machine(host):
    code, said = refused("--cluster", f"redis://user:hunter2@{host}:1/0")
    assert code == 2
    assert f"cluster: {host.strip('[]')} is another machine, and without cluster_key" in said
    assert "give all nodes the same cluster_key" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "localhost"])
def test_redis_on_this_machine_needs_no_key(host):
    Node(cluster=f"redis://{host}:1/0")


@pytest.mark.parametrize("given", [{"cluster_key": KEY}, {"cluster_insecure": True}])
def test_redis_elsewhere_needs_a_key_or_the_word_of_the_operator(given):
    Node(cluster="redis://192.0.2.1:1/0", **given)


@pytest.mark.parametrize("older", ["1", "4"], ids=["the first", "before sealed sessions"])
def test_node_of_another_version_than_the_cluster_is_refused(redis, older):
    redis.ask("SET", "proxim:layout", older)
    redis.ask("SADD", "proxim:nodes", "old")
    redis.ask("SET", "proxim:node:old", "{}")
    code, said = refused("--cluster", redis.url)
    assert code == 2
    assert f"cluster: the nodes of this cluster use version {older} of its layout" in said
    assert (
        f"this node version {LAYOUT}: install the same proxim everywhere, or stop all nodes" in said
    )
    assert "Traceback" not in said
    assert b"node:old" in redis.ask("KEYS", "proxim:node:*")
    redis.ask("DEL", "proxim:node:old")
    cluster = Cluster(redis, 2)
    try:
        Couple(cluster[0], cluster[1]).approve().talk(1)
    finally:
        cluster.stop()
    assert redis.ask("GET", "proxim:layout").strip() == b"%d" % LAYOUT


@pytest.fixture
def guarded(tmp_path, start_redis):
    """A Redis with TLS and one user, who has the rights that the how-to names."""
    ca = trustme.CA()
    certificate = ca.issue_cert("127.0.0.1", "localhost")
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    page = Path(__file__).parents[3] / "docs/howto/cluster.md"
    (line,) = [each for each in page.read_text().splitlines() if each.startswith("user nodes ")]
    acl = tmp_path / "users.acl"
    acl.write_text(f"user default off\n{line.replace('>password', '>pass/word')}\n")
    server = start_redis(
        *("--port", "0", "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(tmp_path / "cert.pem")),
        *("--tls-key-file", str(tmp_path / "key.pem")),
        *("--tls-ca-cert-file", str(tmp_path / "ca.pem"), "--aclfile", str(acl)),
        port_option="--tls-port",
    )
    return server, str(tmp_path / "ca.pem")


def test_redis_with_tls_and_a_password_works(guarded):
    server, ca = guarded
    url = f"rediss://nodes:pass%2Fword@127.0.0.1:{server.port}/0"
    code, said = refused("--cluster", url)
    assert code == 2, "its certificate authority is unknown"
    assert "Redis does not answer" in said
    assert refused("--cluster", url.replace("word", "wort"), "--cluster-ca", ca)[0] == 2
    cluster = Cluster(server, 2, "--cluster-ca", ca, url=url)
    try:
        Couple(cluster[0], cluster[1]).approve().talk(1, 2, 3)
    finally:
        cluster.stop()

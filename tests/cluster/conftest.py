import pytest

from tests.cluster.nodes import KEY, Cluster
from tests.cluster.redis_server import RedisServer, needs_redis


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory):
    needs_redis()
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def redis(tmp_path):
    """One of its own, for tests that break it."""
    needs_redis()
    server = RedisServer(tmp_path)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def cluster(shared_redis):
    """Three nodes that nobody breaks."""
    cluster = Cluster(shared_redis.url, 3, "--cluster-key", KEY)
    yield cluster
    cluster.stop()


@pytest.fixture(autouse=True)
def _leave(request):
    yield
    if "cluster" in request.fixturenames:
        for node in request.getfixturevalue("cluster").nodes:
            node.close_peers()


@pytest.fixture
def brittle(redis):
    """Starts a cluster on a Redis of its own."""
    started = []

    def start(count=2, *options, **timing):
        cluster = Cluster(redis.url, count, *options, **timing)
        cluster.redis = redis
        started.append(cluster)
        return cluster

    yield start
    for cluster in started:
        redis.thaw()
        cluster.stop()

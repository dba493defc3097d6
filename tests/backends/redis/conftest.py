import pytest

from tests.backends.redis.nodes import KEY, Cluster
from tests.backends.redis.redis_server import RedisServer

REAL_REDIS = {"start_redis", "shared_redis"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark tests with a real Redis for ``make test-all``."""
    for item in items:
        if REAL_REDIS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.full("Redis"))
            item.add_marker(pytest.mark.needs("redis-server"))


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory):
    """A Redis that no test breaks; earlier tests have left keys in it."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.age()
    yield server
    server.stop()


@pytest.fixture
def start_redis(tmp_path):
    """Return a function that starts a Redis for this test."""
    started = []

    def start(*options, **more):
        server = RedisServer(tmp_path, *options, **more)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def redis(start_redis):
    """A Redis for tests that break it."""
    return start_redis()


@pytest.fixture(scope="module")
def cluster(shared_redis):
    """Three nodes that no test breaks."""
    cluster = Cluster(shared_redis, 3, "--cluster-key", KEY)
    yield cluster
    cluster.stop()


@pytest.fixture(autouse=True)
def _leave(request):
    yield
    if "cluster" in request.fixturenames:
        request.getfixturevalue("cluster").close_peers()


@pytest.fixture
def brittle(redis):
    """Return a function that starts a cluster on a Redis of its own."""
    started = []

    def start(count=2, *options, **more):
        redis.age()
        cluster = Cluster(redis, count, *options, **more)
        started.append(cluster)
        return cluster

    yield start
    for cluster in started:
        cluster.end()

from tests.client.conftest import node, serve, wire

__all__ = ["node", "serve", "wire"]

"""Sockets: the listener, HTTP, the WebSocket, one connection's reader and outbox."""

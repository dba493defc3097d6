"""Proxim brings two devices together for WebRTC, and only if a person says yes."""

__version__ = "0.1.0"

"""The ICE servers of a node: configured STUN and TURN servers, and those of a provider."""

from proxim.ice.options import IceOptions
from proxim.ice.source import ConfiguredIce

__all__ = ["ConfiguredIce", "IceOptions"]

"""Where a node's ICE servers come from: STUN and TURN as configured, and from a provider."""

from proxim.ice.options import IceOptions
from proxim.ice.source import ConfiguredIce

__all__ = ["ConfiguredIce", "IceOptions"]

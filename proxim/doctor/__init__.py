"""What a node needs of its surroundings, checked before it runs or while it does."""

from proxim.doctor.examine import examine
from proxim.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]

"""Whose data must stay: what the manifests of other runs refer to, those that are being written included.

A run that is deleted asks here before its data go. Whoever is about to refer to a run's data pins them first, in the
same breath in which it sees that the run is not being deleted; from then on either the pin or, after the commit, the
status tells of the reference. So of two that happen at once, one sees the other.
"""

from collections.abc import Iterable

from .world import World


class References:
    """References to the data of runs, by the runs' numbers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pins: dict[str, set[int]] = {}
        self._spared: set[int] = set()
        """What only a pin has held back from deletion."""

    def pin(self, uid: str, numbers: Iterable[int]) -> None:
        """The run with this UID is about to refer to these runs' data."""
        self._pins.setdefault(uid, set()).update(numbers)

    def unpin(self, uid: str) -> bool:
        """The run with this UID has told its references in its status, or has none; whether a sweep is due for that."""
        spared = self._pins.pop(uid, set()) & self._spared
        self._spared -= spared
        return bool(spared)

    def hold(self, number: int) -> bool:
        """Whether the data of the run with this number are needed by others."""
        if self._world.refers(number):
            return True
        pinned = any(number in pins for pins in self._pins.values())
        if pinned:
            self._spared.add(number)
        return pinned

"""The nodes that a run has not visited yet: each comes up when what it rests on is settled."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Sequence


class Waiting:
    """Gives the nodes of a run in their order, each once, in time proportional to nodes and edges.

    Args:
        scope: Ids of the nodes to visit, producers before consumers.
        producers: Ids of what a node rests on.
        taken: Ids of the nodes whose version is there already.
    """

    def __init__(self, scope: Sequence[str], producers: Callable[[str], Iterable[str]], taken: Collection[str]) -> None:
        self._place = {name: at for at, name in enumerate(scope)}
        self._scope = scope
        self._consumers: dict[str, list[str]] = {}
        self._left: dict[str, int] = {}
        self._ready: list[int] = []
        for name in scope:
            unsettled = {one for one in producers(name) if one not in taken}
            self._left[name] = len(unsettled)
            for one in unsettled:
                self._consumers.setdefault(one, []).append(name)
            if not unsettled:
                self._ready.append(self._place[name])  # in order, and so a heap

    def __len__(self) -> int:
        """How many were not given yet."""
        return len(self._left)

    def next(self) -> str | None:
        """The first node that can be visited; ``None``: the others wait."""
        if not self._ready:
            return None
        name = self._scope[heapq.heappop(self._ready)]
        del self._left[name]
        return name

    def settle(self, name: str, *, stopped: bool = False) -> None:
        """Note what came of a node.

        Args:
            name: Its id.
            stopped: It has no version: what rests on it comes up at once, to be passed over.
        """
        for consumer in self._consumers.pop(name, ()):
            left = self._left.get(consumer)
            if not left:  # given already, or about to be
                continue
            self._left[consumer] = 0 if stopped else left - 1
            if not self._left[consumer]:
                heapq.heappush(self._ready, self._place[consumer])

    def names(self) -> list[str]:
        """Ids of those that were not given yet."""
        return list(self._left)

"""Whose turn it is: clients by user, within a user by session, within a session by process group.

Pure. The broker's queue and the engine's schedule take their order from here: whoever has many jobs, in one
command or a thousand, waits for himself and not others for him.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeAlias, TypeVar

Share: TypeAlias = tuple[int, ...]  # what a client belongs to, the widest group first
Item = TypeVar("Item")

_Member: TypeAlias = tuple[int, Share]  # age, share


def groups_of(share: Share) -> Iterator[Share]:
    """Yield every group that a client belongs to."""
    return (share[:depth] for depth in range(1, len(share) + 1))


def in_turns(
    items: Sequence[Item], share_of: Callable[[Item], Share], taken: Mapping[Share, int]
) -> list[Item]:
    """Return `items` in the order of their turns; equals keep the order in which they come.

    `taken` says how many turns each group has had before. Every user's first turn comes before anybody's
    second, and so on; which of a user's items a turn is for is found in the same way among his sessions,
    and so on.
    """
    members = [(age, share_of(item)) for age, item in enumerate(items)]
    return [items[age] for age, _share in _merged(members, 0, taken)]


def _merged(members: list[_Member], level: int, taken: Mapping[Share, int]) -> list[_Member]:
    if len(members) == 1:
        return members
    groups: dict[Share, list[_Member]] = {}
    for member in members:
        groups.setdefault(member[1][: level + 1], []).append(member)
    if all(len(group) <= level for group in groups):  # nothing tells them apart any more
        return members
    queues = {group: _merged(inside, level + 1, taken) for group, inside in groups.items()}
    if len(queues) == 1:
        return next(iter(queues.values()))
    ranked = []
    for group, queue in queues.items():
        had = taken.get(group, 0) if len(group) > level else 0
        ranked += [(turn, member) for turn, member in enumerate(queue, had)]
    return [member for _turn, member in sorted(ranked)]


class Turns:
    """Counts the turns that groups have taken; one that comes begins with the present turn of its like."""

    def __init__(self) -> None:
        self.taken: dict[Share, int] = {}
        self._waiting: Counter[Share] = Counter()

    def join(self, share: Share) -> None:
        """Take note of one more that waits for its turn."""
        for group in groups_of(share):
            if group not in self.taken:
                like = [turns for other, turns in self.taken.items() if other[:-1] == group[:-1]]
                self.taken[group] = min(like, default=0)
            self._waiting[group] += 1

    def leave(self, share: Share, *, served: bool) -> None:
        """Take note of one that has had its turn, or waits no more."""
        for group in groups_of(share):
            self._waiting[group] -= 1
            self.taken[group] += served
            if not self._waiting[group]:
                del self.taken[group], self._waiting[group]


def new_levels(share: Share, others: Collection[Share]) -> int:
    """Return how far `share` is new among `others`: 0 if it is there, its whole length if no part of it is."""
    for depth in range(len(share), 0, -1):
        if any(other[:depth] == share[:depth] for other in others):
            return len(share) - depth
    return len(share)

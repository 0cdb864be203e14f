"""In which order the combinations of a grid are tried, and which trial each of them is."""

import itertools
from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence

from kt_grid.space import Parameters, key


class Schedule:
    """Remembers which combinations were handed out, and picks the next one.

    Trials are numbered in grid order whatever the order in which they are handed out, so their
    ids don't depend on how many run at once.

    Args:
        used: Returns the ids that trials have.
        combinations: Enumerates the grid anew.
    """

    def __init__(
        self,
        used: Callable[[], Container[str]],
        combinations: Callable[[], Iterator[Parameters]],
    ) -> None:
        self._used = used
        self._combinations = combinations
        self._tried: set[str] = set()
        self._interrupted: dict[str, str] = {}
        self._reserved: dict[str, str] = {}
        self._untried: Iterator[Parameters] | None = None
        self._ahead: deque[Parameters] = deque()
        self._number = 0
        self._lookahead = 1
        self._cost: Callable[[Parameters], float] | None = None

    def mark_tried(self, parameters: Parameters) -> None:
        """Note that a combination is tried, or is being tried."""
        self._tried.add(key(parameters))

    def mark_interrupted(self, parameters: Parameters, trial_id: str) -> None:
        """Note which id a combination has that is to be handed out again."""
        self._tried.discard(key(parameters))
        self._interrupted[key(parameters)] = trial_id

    def forget_axes(self) -> None:
        """Begin anew, because the grid has other axes now."""
        self._untried = None

    def forget_trials(self) -> None:
        """Begin anew, with no combination tried."""
        self._tried.clear()
        self._interrupted.clear()
        self._untried = None

    def expensive_first(self, cost: Callable[[Parameters], float], lookahead: int) -> None:
        """Pick the most expensive of the next combinations, so that none is left for the end.

        Args:
            cost: What a combination costs, in any unit.
            lookahead: Number of combinations to choose from.
        """
        self._cost, self._lookahead, self._untried = cost, lookahead, None

    def peek(self) -> Parameters | None:
        """Return the combination to be handed out next.

        Returns:
            Parameters by name; None if all were handed out.
        """
        if self._untried is None:
            self._untried = self._combinations()
            self._ahead.clear()
            self._reserved.clear()
            self._number = 0
        while self._ahead and key(self._ahead[0]) in self._tried:
            self._ahead.popleft()
        if not self._ahead:
            # All before the iterator's position are tried, so a trial costs the same however many
            # went before it.
            untried = (p for p in self._untried if key(p) not in self._tried)
            self._ahead.extend(self._ordered([*itertools.islice(untried, self._lookahead)]))
        return self._ahead[0] if self._ahead else None

    def peek_ahead(self, count: int) -> list[Parameters]:
        """Return the combinations to be handed out next, at most so many of them."""
        if self.peek() is not None and self._untried is not None:
            untried = (p for p in self._untried if key(p) not in self._tried)
            self._ahead.extend(itertools.islice(untried, max(0, count - len(self._ahead))))
        return [*itertools.islice(self._ahead, count)]

    def bring_forward(self, choose: Callable[[Sequence[Parameters]], int]) -> int:
        """Let a combination be handed out next that suits whoever asks best.

        Args:
            choose: Returns the index of one of the combinations that were looked ahead at.

        Returns:
            How many these are.
        """
        if self.peek() is None:
            return 0
        index = choose(self._ahead)
        chosen = self._ahead[index]
        del self._ahead[index]
        self._ahead.appendleft(chosen)
        return len(self._ahead)

    def _ordered(self, ahead: list[Parameters]) -> list[Parameters]:
        cost = self._cost
        if cost is None:
            return ahead
        for combination in map(key, ahead):
            self._reserved[combination] = self._interrupted.get(combination) or self._free_id()
        return sorted(ahead, key=lambda parameters: -cost(parameters))

    def take(self, parameters: Parameters) -> str:
        """Hand out a combination.

        Args:
            parameters: What `peek` returned.

        Returns:
            The trial's id: the one it had before an interruption, or the first that is free.
        """
        combination = key(parameters)
        self._tried.add(combination)
        reserved = self._reserved.pop(combination, None)
        return self._interrupted.pop(combination, None) or reserved or self._free_id()

    def _free_id(self) -> str:
        used, kept = self._used(), self._interrupted.values()
        while (trial_id := f"{self._number:04d}") in used or trial_id in kept:
            self._number += 1
        self._number += 1
        return trial_id

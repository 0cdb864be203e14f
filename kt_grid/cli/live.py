"""A report that follows searches while they run."""

import sys
import time
from collections.abc import Callable, Sequence

from kt_grid.errors import LockedError, StoreError
from kt_grid.store.directory import SearchStore
from kt_grid.store.results import SearchResults

# A report takes up to a tenth of the time, so that the searches keep the rest.
_SECONDS, _SHARE = 2.0, 10
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


def is_running(store: SearchStore) -> bool:
    """Tell whether somebody is at work in a search's directory."""
    try:
        store.lock.check()
    except LockedError:
        return True
    except StoreError:
        pass
    return False


def watch(
    stores: Sequence[SearchStore],
    show: Callable[[], list[SearchResults]],
    wait: Callable[[float], object] = time.sleep,
) -> list[SearchResults]:
    """Show results again and again, until no search runs any more or all are complete.

    Args:
        stores: The searches.
        show: Shows their results as they are, and returns them.
        wait: Waits for some seconds.

    Returns:
        The results that were shown last.
    """
    while True:
        # Looked at before the results, so that the last ones shown are the last ones.
        running = [is_running(store) for store in stores]
        began = time.monotonic()
        results = show()
        if not any(r and not shown.complete for r, shown in zip(running, results, strict=True)):
            return results
        wait(max(_SECONDS, _SHARE * (time.monotonic() - began)))


def clear_screen() -> None:
    """Let what is printed next take the place of all that a terminal shows."""
    sys.stdout.write(_CLEAR)

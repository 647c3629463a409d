"""How far a command is: a bar on a terminal, a line a piece elsewhere, nothing beside JSON."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress


@contextmanager
def progress(
    say: Callable[[str], Any], *, total: int, quiet: bool
) -> Iterator[Callable[[int], None]]:
    """Yield what hears how many more visits are done; `say` writes a line of standard error."""
    console = Console(stderr=True)
    if quiet:
        yield lambda count: None
    elif console.is_terminal:
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task("Visits", total=total)
            yield lambda count: bar.advance(task, count)
    else:
        yield _Lines(say, total=total)


class _Lines:
    """Says how far a run is, where there is no terminal to draw on."""

    def __init__(self, say: Callable[[str], Any], *, total: int) -> None:
        self.say, self.total, self.done = say, total, 0

    def __call__(self, count: int) -> None:
        self.done += count
        self.say(f"{self.done:,} of {max(self.done, self.total):,} visits")

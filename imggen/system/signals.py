"""Being asked to stop, politely, in every phase of a command."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

from imggen.system.errors import Interrupted

STOP = ("SIGTERM", "SIGUSR1", "SIGHUP")
"""A cluster that wants its node back, its time limit, a terminal that was closed."""

Handler = Callable[[int, FrameType | None], object] | signal.Handlers


@contextlib.contextmanager
def handled(names: tuple[str, ...], handler: Handler) -> Iterator[None]:
    """Handles the signals inside the block and restores the old handlers after it."""
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # What is ignored was asked to be: `nohup` ignores SIGHUP, a shell's background job Ctrl-C.
    numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    old = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, before in old.items():
            signal.signal(number, before)


def stopping() -> contextlib.AbstractContextManager[None]:
    """Inside the block a signal to stop raises Interrupted, wherever the program is.

    For all that can be done again: loading, scoring, drawing.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise Interrupted(
            f"Stopped by {signal.Signals(number).name}: nothing is lost that was finished, and the "
            "same command does the rest."
        )

    return handled(STOP, stop)


class StopSignals:
    """Remembers that a signal to stop or Ctrl-C came, and does nothing else about it."""

    def __init__(self) -> None:
        self.name: str | None = None

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.name is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.name = signal.Signals(number).name

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopSignals]:
        """Only remembers inside the block: what runs there decides when it can stop."""
        with handled((*STOP, "SIGINT"), self._remember):
            yield self

"""Being asked to stop, politely."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


class StopSignals:
    """Remembers that SIGTERM, SIGUSR1 or Ctrl-C came, and does nothing else about it."""

    def __init__(self) -> None:
        self.name: str | None = None

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.name is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.name = signal.Signals(number).name

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopSignals]:
        """Handles the signals inside the block and restores the old handlers after it."""
        numbers = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
        old = {number: signal.signal(number, self._remember) for number in numbers}
        try:
            yield self
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)

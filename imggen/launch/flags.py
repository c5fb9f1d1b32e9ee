"""A command line that holds another one: what follows after -- is the experiment's."""

from __future__ import annotations

import sys


def before_dashes() -> list[str]:
    """Our own arguments."""
    arguments = sys.argv[1:]
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def after_dashes() -> tuple[str, ...]:
    """The flags of the experiment."""
    arguments = sys.argv[1:]
    return tuple(arguments[arguments.index("--") + 1 :]) if "--" in arguments else ()

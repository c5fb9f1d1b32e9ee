"""The one exception whose message is written for the person at the keyboard."""

from __future__ import annotations

import unicodedata

UNSHOWN = ("Cc", "Zl", "Zp")
"""Categories of characters that end a line or steer a terminal."""


class UserError(Exception):
    """Bad input, said in one sentence: what was wrong, what was expected, what to do.

    Commands print the sentence on stderr and exit with code 2, without a traceback.
    """


class Interrupted(BaseException):
    """The command was asked to stop (SIGTERM, SIGUSR1, SIGHUP, Ctrl-C) and can go on later.

    No Exception: nobody who handles failures may take it for one.
    """


def one_line(text: str) -> str:
    """Text of whatever origin (a file's name, another machine's answer) as one harmless line."""
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) in UNSHOWN
        else letter
        for letter in text
    )

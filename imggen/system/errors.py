"""The one exception whose message is written for the person at the keyboard."""


class UserError(Exception):
    """Bad input, said in one sentence: what was wrong, what was expected, what to do.

    Commands print the sentence on stderr and exit with code 2, without a traceback.
    """


class Interrupted(BaseException):
    """The command was asked to stop (SIGTERM, SIGUSR1, SIGHUP, Ctrl-C) and can go on later.

    No Exception: nobody who handles failures may take it for one.
    """

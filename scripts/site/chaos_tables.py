"""What the trainings under fire survived, as a table."""

from __future__ import annotations

import html
from collections.abc import Iterator

from imggen.studies.chaos.ordeal import Outcome
from imggen.studies.chaos.study import Chaos

ENDS = {-9: "SIGKILL", -15: "SIGTERM", -1: "SIGHUP"}
ORDINARY = ("resuming at step", "starting of", "checkpoints can be written again")
"""Said after many faults: shown only where nothing else was."""
LONGEST = 190


def struck(found: Chaos) -> list[Outcome]:
    """All faults of all trainings."""
    return [fault for training in found["trainings"] for fault in training["faults"]]


def table(found: Chaos) -> str:
    """A row for each kind of fault; of the steps that were done again, the most."""
    heads = ("fault", "survived", "steps lost", "ended with", "what it said, for instance")
    lines = [f"| {' | '.join(heads)} |", "|---|--:|--:|---|---|"]
    for kind in found["kinds"]:
        faults = [fault for fault in struck(found) if fault["kind"] == kind]
        survived = sum(fault["survived"] for fault in faults)
        lost = max(fault["step"] - fault["resumed"] for fault in faults)
        cells = (kind, f"{survived} of {len(faults)}", str(max(lost, 0)), ended(faults))
        lines.append(f"| {' | '.join(cells)} | {said(faults)} |")
    return "\n".join(lines) + "\n"


def ended(faults: list[Outcome]) -> str:
    """By what the processes ended, the most frequent first."""
    ways = ["goes on" if (code := fault["code"]) is None else
            ENDS.get(code, f"code {code}")
            for fault in faults]  # fmt: skip
    return ", ".join(sorted(set(ways), key=lambda way: -ways.count(way)))


def said(faults: list[Outcome]) -> str:
    """An example of what it said, without what is said after every restart if there is more."""
    lines = [line for fault in faults for line in telling(fault)]
    own = [line for line in lines if not line.startswith(ORDINARY)] or lines
    if not own:
        return "nothing"
    shown = own[0] if len(own[0]) <= LONGEST else own[0][:LONGEST].rsplit(" ", 1)[0] + " …"
    return f"<q>{html.escape(shown).replace('|', '&#124;')}</q>"


def telling(fault: Outcome) -> Iterator[str]:
    """Its lines, each without what only this machine has to do with."""
    for line in fault["said"].splitlines():
        yield line.split(", 1437 images")[0]

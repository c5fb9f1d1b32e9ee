"""What may be typed wrongly, damaged or crafted, and what is said then.

One table, run by test_hostile_inputs.py and shown by the site's page "What happens when": kinds of
input, each with its cases. A case is a command, what is done to a folder `{}` before, and a part of
the sentence that must come.
"""

from hostile_inputs.common import Case
from hostile_inputs.elsewhere import listed, machines
from hostile_inputs.images import images
from hostile_inputs.runs import compared, published, runs
from hostile_inputs.scripts import data, places, scripts, studies
from hostile_inputs.sets import arrays, sets

CASES: list[Case] = [
    *(*scripts(), *studies(), *data(), *places(), *runs(), *published(), *compared()),
    *(*images(), *arrays(), *sets(), *machines(), *listed()),
]

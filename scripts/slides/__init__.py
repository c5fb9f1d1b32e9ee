"""The defence: slides and a handout in two languages, made from the published files.

`story` says what stands on which slide, `text/` in which words, `published` with which numbers;
`deck` draws it. `scripts/make_slides.py` writes one deck, `experiments/presentation.py` publishes
all of it.
"""

import sys
from pathlib import Path

# The families of methods and the names of datasets are those of the site's table of results.
sys.path.append(str(Path(__file__).parents[1] / "site"))

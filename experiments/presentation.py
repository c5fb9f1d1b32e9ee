"""The defence: slides and a handout in English and French, drawn from the published files."""

import sys

from imggen.runs.places import checkout

# The slides are no part of the package: they lie beside what builds the site.
root = checkout()
if root is None:
    print("The slides are made in a checkout of imggen: this is another place.", file=sys.stderr)
    raise SystemExit(2)
sys.path.append(str(root / "scripts"))

from slides.study import Presentation  # noqa: E402

experiment = Presentation(slug="presentation", title="The defence")

if __name__ == "__main__":
    experiment.main()

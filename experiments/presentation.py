"""The defence: slides and a handout in English and French, drawn from the published files."""

import sys

from imggen.runs.places import checkout

# The slides are no part of the package: they lie beside what builds the site.
sys.path.append(f"{checkout()}/scripts")

from slides.study import Presentation

experiment = Presentation(slug="presentation", title="The defence")

if __name__ == "__main__":
    experiment.main()

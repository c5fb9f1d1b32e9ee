"""The defence: slides and a handout in English and French, drawn from the published files."""

import sys
from pathlib import Path

# The slides are no part of the package: they lie beside what builds the site.
scripts = Path(__file__).resolve().parents[1] / "scripts"
if not (scripts / "slides").is_dir():
    print(f"The slides are made in a checkout of imggen: there is no {scripts}.", file=sys.stderr)
    raise SystemExit(2)
sys.path.append(str(scripts))

from slides.study import Presentation  # noqa: E402

experiment = Presentation(slug="presentation", title="The defence")

if __name__ == "__main__":
    experiment.main()

"""Takes the published generators from docs/ into the wheel; everything else is in pyproject.toml.

They are a few megabytes, a wheel with them works offline, and their manifests hold their SHA-256.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PUBLISHED = Path("docs") / "assets" / "experiments"
NEEDED = ("manifest.json", "weights.safetensors", "metrics.json")


class BuildWithGenerators(build_py):
    """Copies what `imggen sample` needs to imggen/published."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        generators = sorted(PUBLISHED.glob("*/weights.safetensors"))
        if not generators:
            raise SystemExit(
                f"{PUBLISHED} holds no published generators: build from the repository."
            )
        for weights in generators:
            target = Path(self.build_lib) / "imggen" / "published" / weights.parent.name
            target.mkdir(parents=True, exist_ok=True)
            for name in NEEDED:
                shutil.copyfile(weights.with_name(name), target / name)


setup(cmdclass={"build_py": BuildWithGenerators})

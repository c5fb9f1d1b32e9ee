"""Every script in experiments/ that trains does so to the end, on small digits."""

from __future__ import annotations

from pathlib import Path

import pytest

from imggen.publishing.status import load_experiments

FOLDER = Path(__file__).resolve().parents[1] / "experiments"
EXPERIMENTS = dict(zip(sorted(FOLDER.glob("*.py")), load_experiments(FOLDER), strict=True))
STEPS = 10
TRAINING = {
    path.name: len(getattr(found, "variants", [found]))
    for path, found in EXPERIMENTS.items()
    if found.loop is not None
}
"""How many trainings each script has."""
PHASES = ("first_stage_steps", "first_phase_steps", "flow_until", "reflow_from")
"""Settings that say when a second phase begins: in the middle of the steps here."""

UNTRAINED = "samples come from a network that has learnt nothing"


def test_most_scripts_train():
    assert len(TRAINING) >= 15
    assert {"dcgan_mnist.py", "few_images_mnist.py", "three_seeds_mnist.py"} <= set(TRAINING)


@pytest.mark.parametrize("script", TRAINING)
def test_it_trains_to_the_end_on_digits(script, run, tmp_path, monkeypatch):
    monkeypatch.setattr("imggen.publishing.pictures.FRAME_COLUMNS", 1)
    # Pictures and large batches take longer than all the rest.
    alone = TRAINING[script] == 1
    n = STEPS if alone else 2
    steps = ("--train.steps", str(n), "--train.batch-size", "16")
    steps += ("--train.precision", "fp32")  # some processors emulate bf16
    if alone:
        steps += ("--train.frames", "2")
    settings = getattr(EXPERIMENTS[FOLDER / script], "settings", None)
    for phase in PHASES:
        if getattr(settings, phase, None) is not None:
            steps += (f"--method.{phase.replace('_', '-')}", str(STEPS // 2))
    asked = ("--data.name", "digits", *steps, "--no-publish", "--run-dir", tmp_path / "run")
    done = run(f"experiments/{script}", *asked)
    assert done.returncode == 0, done.stdout + done.stderr
    weights = list((tmp_path / "run").rglob("weights.safetensors"))
    assert len(weights) == TRAINING[script]
    assert done.stdout.count(f"step {n}/{n}") == TRAINING[script]
    assert UNTRAINED not in done.stdout


def test_a_training_that_ends_before_its_second_stage_says_so(run, tmp_path):
    asked = ("--data.name", "digits", "--train.steps", "2", "--train.frames", "0", "--no-publish")
    done = run("experiments/vqvae_mnist.py", *asked, "--run-dir", tmp_path / "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert UNTRAINED in done.stdout


def test_a_sampler_that_can_not_draw_is_refused_before_the_training(run, tmp_path):
    asked = ("--data.name", "digits", "--train.steps", "3", "--train.frames", "0", "--no-publish")
    done = run("experiments/glow_mnist.py", *asked, "--sampler.temperature", "0",
               "--run-dir", tmp_path / "run")  # fmt: skip
    assert done.returncode == 2 and "temperature" in done.stderr
    assert not list((tmp_path / "run").glob("checkpoint*")) and "step 3/3" not in done.stdout

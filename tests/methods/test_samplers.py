"""Ways to sample: what they cost, how they are asked for, and where their noise comes from."""

from __future__ import annotations

import pytest
import torch
from cases import (
    STAND_INS,
    spec_of,
    trained_on_digits,
)
from shortcuts import undrawn, unscored

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.runs.cost import sampling_cost
from imggen.runs.places import assets
from imggen.runs.restore import load, with_sampler
from imggen.runs.sampling import draw, generate
from imggen.system.errors import UserError
from imggen.training.config import TrainConfig


def test_a_sampler_of_several_steps_costs_what_it_says():
    method = STAND_INS["Denoiser"].build(spec_of()).eval()
    sampler = STAND_INS["Denoiser"].module.Sampler
    costs = [sampling_cost(trained_on_digits(method, sampler(steps=n))) for n in (1, 7)]
    assert [cost["network_passes"] for cost in costs] == [1, 7]
    assert costs[1]["flops_per_image"] == 7 * costs[0]["flops_per_image"]
    with pytest.raises(UserError, match="a sampler of 0 steps draws nothing"):
        generate(trained_on_digits(method, sampler(steps=0)), 4, seed=0)


def test_sampler_options_are_parsed_by_name():
    method, sampler = STAND_INS["Denoiser"].build(spec_of()), STAND_INS["Denoiser"].module.Sampler
    trained = trained_on_digits(method, sampler())
    assert with_sampler(trained, ["steps=5"]).sampler == sampler(steps=5)
    assert with_sampler(trained, []).sampler == sampler()
    assert with_sampler(trained, ["clip=False"]).sampler == sampler(clip=False)
    for option in ("stepz=5", "steps", "steps=", "steps=many", "5"):
        with pytest.raises(UserError, match=r"--sampler .*steps"):
            with_sampler(trained, [option])
    with pytest.raises(UserError, match="one way only"):
        with_sampler(trained_on_digits(method), ["steps=5"])


def test_the_sampler_of_record_and_another_one_are_in_the_manifest(tmp_path, monkeypatch):
    unscored(monkeypatch)
    undrawn(monkeypatch)
    module = STAND_INS["Denoiser"].module
    experiment = Experiment(
        slug="denoiser",
        title="A denoiser",
        method=module.Denoiser,
        settings=module.Config(),
        data=DataConfig("digits"),
        train=TrainConfig(steps=20, batch_size=20, frames=0, device="cpu"),
        sampler=module.Sampler(steps=2),
    )
    for steps, folder in ((2, tmp_path / "record"), (5, tmp_path / "other")):
        flags = ["--run-dir", f"{tmp_path}/run", "--docs-dir", str(folder)]
        experiment.run(experiment.parse([*flags, "--sampler.steps", str(steps)]))
        published = assets(folder) / "denoiser"
        trained, manifest = load(published)
        assert trained.sampler == module.Sampler(steps=steps)
        assert manifest["config"]["sampler"] == {"steps": steps, "jitter": 0.0, "clip": True}
        assert manifest["sampling"]["network_passes"] == steps
    # One training, drawn in two ways.
    weights = [(assets(tmp_path / name) / "denoiser" / "weights.safetensors").read_bytes()
               for name in ("record", "other")]  # fmt: skip
    assert weights[0] == weights[1]
    with pytest.raises(SystemExit):
        experiment.parse(["--sampler.stepz", "3"])


def test_noise_inside_the_sampler_has_a_seed_for_each_block():
    method = STAND_INS["Denoiser"].build(spec_of()).eval()
    jittery = trained_on_digits(method, STAND_INS["Denoiser"].module.Sampler(jitter=0.5))
    many, few = (generate(jittery, n, seed=0)[0] for n in (1000, 500))
    z = method.latents(1000, torch.Generator().manual_seed(0))
    assert torch.equal(draw(jittery, z)[:500], draw(jittery, z[:500]))
    assert not torch.equal(many, draw(trained_on_digits(method), z))
    assert few.shape == (500, 1, 8, 8)

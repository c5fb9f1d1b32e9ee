"""Ways to noise and back: what is read off a network's words, and the study itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from imggen.methods import Spec, ddpm, flow_matching
from imggen.studies import process as study
from imggen.studies.process import FILE, Options, Process, Way, expected, mixtures, watch
from imggen.studies.trade import Place
from imggen.system.errors import UserError

PUBLISHED = Path(__file__).parents[2] / "docs" / "assets" / "experiments" / "noise-and-back"
SPEC = Spec((1, 8, 8), 10)


def test_a_network_that_knows_the_truth_expects_the_image():
    torch.manual_seed(0)
    x, epsilon = torch.rand(3, 1, 8, 8), torch.randn(3, 1, 8, 8)
    diffusion = ddpm.DDPM(ddpm.Config.tiny(), SPEC)
    flow = flow_matching.FlowMatching(flow_matching.Config.tiny(), SPEC)
    for t in (0.2, 0.6, 0.9):
        at = round(t * diffusion.config.levels)
        z = diffusion.alpha[at] * x + diffusion.sigma[at] * epsilon
        assert torch.allclose(expected(diffusion, z, t, epsilon), x, atol=1e-4)
        z = (1 - t) * x + t * epsilon
        assert torch.allclose(expected(flow, z, t, epsilon - x), x, atol=1e-5)


@pytest.mark.parametrize(
    ("generator", "sampler", "says"),
    [
        ("gan-mnist", (), "GAN does not say noise or velocity"),
        ("flow-matching-mnist", ("guidance=2",), "without guidance only"),
        ("flow-matching-mnist", ("eta=1",), "NAME=VALUE with one of solver"),
    ],
)
def test_what_can_not_be_watched_is_refused(generator, sampler, says):
    with pytest.raises(UserError, match=says):
        watch(Way("it", generator, sampler), 2)


def test_all_rules_lead_from_the_image_to_the_same_noise():
    x = torch.full((1, 1, 8, 8), -1.0)
    first, last = zip(*((row[0], row[-1].int()) for row in mixtures(x).values()), strict=True)
    assert all((image == 0).all() for image in first)
    for noise in last[1:]:  # the linear schedule keeps .6 % of the image at its last level
        assert (noise - last[0]).abs().max() <= 2


def test_what_is_published_settles_from_noise_to_image():
    for way in json.loads((PUBLISHED / FILE).read_text())["ways"]:
        assert way["t"] == sorted(way["t"], reverse=True)
        assert way["unsettled"] == sorted(way["unsettled"], reverse=True)
        assert way["unsettled"][-1] < 0.01


def test_the_study_watches_and_publishes(mnist_root, monkeypatch, tmp_path):
    """The real thing, with fewer samples."""
    monkeypatch.setattr(study, "SAMPLES", 10)
    ways = (Way("flow", "flow-matching-mnist", ("solver=euler", "steps=4")),)
    Process("ways", "Ways", ways).run(Options(docs_dir=tmp_path, data=Place(mnist_root)))
    folder = tmp_path / "assets" / "experiments" / "ways"
    (way,) = json.loads((folder / FILE).read_text())["ways"]
    assert way["t"] == [1, 0.75, 0.5, 0.25]
    assert len(json.loads((folder / "manifest.json").read_text())["files"]) == 5

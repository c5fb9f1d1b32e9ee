"""Extractors: the frozen classifier, pixels, and Inception's real code path."""

from __future__ import annotations

import hashlib
import json
import pickle

import numpy as np
import pytest
import torch

from imggen.data import datasets, images
from imggen.data.images import choose
from imggen.evaluation import measure as measure_module
from imggen.evaluation.evaluate import evaluate, gather, shared_images
from imggen.evaluation.measure import measure
from imggen.evaluation.report import number, with_interval
from imggen.features import extractors, fidelity, lenet
from imggen.features.sets import Features
from imggen.system.errors import UserError

GREY = torch.randint(0, 256, (40, 1, 28, 28), dtype=torch.uint8)


def scored(real, fake, train=None, against=None, utility=False, **options):
    """The result of two sets, as `imggen evaluate` has it."""
    gathered = gather(real, fake, train, against, utility=utility, **options)
    return evaluate(gathered, utility)


def test_the_frozen_classifier_is_what_its_recipe_says(mnist_root):
    recipe = lenet.load_recipe()
    assert recipe["test_accuracy"] >= 0.993
    assert lenet.LENET.stat().st_size < 2_000_000
    test = datasets.load("mnist", "test", mnist_root)
    _, logits = extractors.extract(extractors.lenet_extractor(), test.blocks(), len(test), int)
    accuracy = (logits.argmax(1) == test.labels.numpy()).mean()
    assert accuracy == pytest.approx(recipe["test_accuracy"], abs=2e-4)


def test_damaged_classifier_weights_are_refused(tmp_path):
    copy = tmp_path / "weights.safetensors"
    copy.write_bytes(lenet.LENET.read_bytes()[:-1] + b"x")
    copy.with_suffix(".json").write_bytes(lenet.LENET.with_suffix(".json").read_bytes())
    with pytest.raises(ValueError, match="SHA-256"):
        lenet.load_frozen(lenet.LeNet(), copy)


def run(extractor, pixels, size=250):
    return extractors.extract(extractor, pixels.split(size), len(pixels), int)


def test_features_do_not_depend_on_the_batch():
    whole, _ = run(extractors.lenet_extractor(), GREY)
    parts, _ = run(extractors.lenet_extractor(), GREY, size=7)
    np.testing.assert_allclose(whole, parts, atol=1e-4)


def test_lenet_takes_colour_and_other_sizes():
    extractor = extractors.lenet_extractor()
    colour = torch.randint(0, 256, (3, 3, 32, 40), dtype=torch.uint8)
    found, logits = run(extractor, colour)
    assert found.shape == (3, 128) and logits.shape == (3, 10)


def test_the_colour_classifier_takes_grey_and_other_sizes_and_is_what_its_recipe_says():
    recipe = lenet.load_recipe(lenet.COLOUR)
    assert recipe["test_accuracy"] > 0.8
    assert lenet.COLOUR.stat().st_size < 2_000_000
    extractor = extractors.colour_extractor()
    for shape in ((3, 3, 48, 40), (3, 1, 28, 28)):
        pixels = torch.randint(0, 256, shape, dtype=torch.uint8)
        found, logits = run(extractor, pixels)
        assert found.shape == (3, 192) and logits.shape == (3, 10)
        assert np.isfinite(found).all()


@pytest.fixture(scope="module")
def inception_weights(tmp_path_factory):
    """A file of randomly initialised weights in torch-fidelity's own layout."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    path = tmp_path_factory.mktemp("weights") / "random.pth"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *a, **k: None)
        patch.setattr(torch, "load", lambda *a, **k: {})
        torch.manual_seed(0)
        network = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048"], feature_extractor_weights_path="unused"
        )
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.slow
def test_inception_runs_through_torch_fidelity(inception_weights):
    extractor = fidelity.inception_extractor(inception_weights)
    found, logits = run(extractor, GREY[:3])
    assert found.shape == (3, 2048) and logits.shape == (3, 1008)
    assert len(extractor.sha256) == 64
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    theirs = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(inception_weights)
    ).eval()
    with torch.inference_mode():
        expected = theirs(GREY[:3].repeat(1, 3, 1, 1))[0]
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_vgg16_runs_through_torch_fidelity(tmp_path):
    from torchvision.models import vgg16

    torch.manual_seed(0)
    torch.save(vgg16().state_dict(), tmp_path / "vgg16.pth")
    extractor = fidelity.extractor("vgg16", tmp_path / "vgg16.pth")
    found, logits = run(extractor, GREY[:3])
    assert found.shape == (3, 4096) and logits is None and extractor.dim == 4096
    assert (found >= 0).all() and found.std() > 0, "features after the last ReLU"


@pytest.mark.slow
def test_clip_runs_through_torch_fidelity(tmp_path, monkeypatch):
    """A small one: torch-fidelity reads the network's sizes off its weights."""
    from torch_fidelity.feature_extractor_clip import VisionTransformer

    class Clip(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.visual = VisionTransformer(224, 32, 64, 2, 1, 48)
            self.text_projection = torch.nn.Parameter(torch.zeros(32, 48))

        def forward(self, x):
            return self.visual(x)

    torch.manual_seed(0)
    network = Clip().eval()
    plain, archive = tmp_path / "clip.pt", tmp_path / "archive.pt"
    torch.save(network.state_dict(), plain)
    extractor = fidelity.extractor("clip-vit-b-32", plain)
    found, logits = run(extractor, GREY[:3])
    assert found.shape == (3, 48) and logits is None
    assert found.std() > 0
    # An archive of TorchScript holds code: only OpenAI's own is taken, known by its hash.
    torch.jit.trace(network, torch.zeros(1, 3, 224, 224)).save(str(archive))
    with pytest.raises(ValueError, match="only files of plain tensors"):
        fidelity.extractor("clip-vit-b-32", archive)
    from torch_fidelity import feature_extractor_clip

    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    known = {"clip-vit-b-32": {"hash": digest}}
    monkeypatch.setattr(feature_extractor_clip, "MODEL_METADATA", known)
    assert np.allclose(run(fidelity.extractor("clip-vit-b-32", archive), GREY[:3])[0], found)


def test_dinov2_comes_from_torch_hub_and_from_no_file(tmp_path, monkeypatch):
    class Small(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(3, 384)

        def forward(self, x):
            assert x.shape[1:] == (3, 224, 224)
            return self.inner(x.mean(dim=(2, 3)))

    asked = []
    monkeypatch.setattr(torch.hub, "load", lambda *names: asked.append(names) or Small())
    extractor = fidelity.extractor("dinov2-vit-s-14", None)
    assert asked == [("facebookresearch/dinov2", "dinov2_vits14")]
    assert run(extractor, GREY[:3])[0].shape == (3, 384) and len(extractor.sha256) == 64

    def offline(*_):
        raise OSError("no internet")

    monkeypatch.setattr(torch.hub, "load", offline)
    with pytest.raises(ValueError, match=r"torch\.hub could not give"):
        fidelity.extractor("dinov2-vit-s-14", None)
    with pytest.raises(ValueError, match="not from a file"):
        fidelity.extractor("dinov2-vit-s-14", tmp_path / "weights.pth")


def test_a_file_that_holds_no_inception_weights_is_refused(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "bad.pth")
    with pytest.raises(ValueError, match="no inception-v3-compat weights"):
        fidelity.inception_extractor(tmp_path / "bad.pth")


class Crafted:
    """A pickle that would run code."""

    def __init__(self, proof):
        self.proof = str(proof)

    def __reduce__(self):
        return open, (self.proof, "w")


@pytest.mark.parametrize("pack", ["zip", "legacy", "raw"])
@pytest.mark.parametrize("name", [n for n in fidelity.names() if not fidelity.from_hub(n)])
def test_a_weights_file_never_runs_code(name, pack, tmp_path):
    path, proof = tmp_path / "weights.pth", tmp_path / "proof"
    state = {"a": torch.zeros(1), "b": Crafted(proof)}
    if pack == "raw":
        path.write_bytes(pickle.dumps(state))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=pack == "zip")
    with pytest.raises(ValueError, match="could run code"):
        fidelity.extractor(name, path)
    assert not proof.exists()
    torch.load(path, weights_only=False) if pack != "raw" else pickle.loads(path.read_bytes())
    assert proof.exists(), "it would have run"


def test_large_grey_images_are_compared_small_and_it_is_said():
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randint(0, 256, (30, 1, 192, 256), dtype=torch.uint8, generator=generator)
                  for _ in range(2))  # fmt: skip
    result = scored(images_of(real), images_of(fake))
    assert result["features"]["dim"] == 32 * 24
    assert "32x24" in result["features"]["preparation"]
    assert any("no finer detail is seen" in warning for warning in result["warnings"])


def test_no_covariance_of_too_many_dimensions(monkeypatch):
    assert measure_module.MOST_COVARIANCES > 2048, "Inception's"
    monkeypatch.setattr(measure_module, "MOST_COVARIANCES", 15)
    values = np.random.default_rng(0).normal(size=(2, 30, 16)).astype(np.float32)
    real, fake = (
        Features(name, "all", part, [bytes([i]) for i in range(30)], 30)
        for name, part in zip(("real", "fake"), values, strict=True)
    )
    found = measure(real, fake)
    for name in ("frechet_distance", "frechet_infinity"):
        assert "Covariances of 16 dimensions" in found[name]
    assert not isinstance(found["precision"], str)


def test_sets_that_share_images_are_told_what_that_means():
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randint(0, 256, (30, 1, 8, 8), dtype=torch.uint8, generator=generator)
                  for _ in range(2))  # fmt: skip
    cheat = torch.cat([real[:10], fake[:20]])

    def warnings(**others):
        sets = gather(images_of(real), images_of(fake), **others)
        return [w for w in shared_images(sets) if "among the real" in w]

    assert warnings() == []
    whole = evaluate(gather(images_of(real), images_of(cheat)))["warnings"]
    assert any(warning.startswith("10 of the 30 generated") for warning in whole)
    (said,) = warnings(against=images_of(cheat))
    assert said.startswith("10 of the 30 samples of the second generator")
    (said,) = warnings(train=images_of(real))
    assert said.startswith("30 of the 30 training images") and "floor is too low" in said


def images_of(pixels: torch.Tensor) -> images.Images:
    return images.Images("test", "all", pixels, None)


def test_scores_do_not_depend_on_the_order_of_files():
    generator = torch.Generator().manual_seed(0)
    real = torch.randint(0, 256, (60, 1, 8, 8), dtype=torch.uint8, generator=generator)
    fake = torch.randint(0, 200, (50, 1, 8, 8), dtype=torch.uint8, generator=generator)
    a = scored(images_of(real), images_of(fake), n=40)
    shuffled = real[torch.randperm(60)], fake[torch.randperm(50)]
    b = scored(images_of(shuffled[0]), images_of(shuffled[1]), n=40)
    assert a["metrics"] == b["metrics"]
    json.dumps(a, allow_nan=False)


def test_the_chosen_images_are_a_subset_without_repetition():
    pixels = torch.arange(100, dtype=torch.uint8).view(100, 1, 1, 1).expand(-1, 1, 8, 8)
    images = images_of(pixels.contiguous())
    hashes = images.hashes
    chosen = choose(hashes, 30, seed=0).tolist()
    assert len(set(chosen)) == 30
    assert choose(hashes, 30, seed=1).tolist() != chosen
    assert sorted(choose(hashes, 100, seed=0).tolist()) == list(range(100))
    back = choose(hashes[::-1], 30, seed=0)
    assert [99 - i for i in back.tolist()] == chosen, "the order of files changes nothing"


def test_few_samples_and_unlike_sizes_are_warned_of():
    result = scored(images_of(GREY[:30]), images_of(GREY[10:30]), features="lenet")
    text = " ".join(result["warnings"])
    assert "n = 20 is not above the 128 feature dimensions" in text
    assert "30 real and 20 generated" in text


def test_pixels_of_unlike_sizes_can_not_be_compared():
    small = images_of(GREY[:, :, :20, :20].contiguous())
    with pytest.raises(UserError, match="do not match"):
        scored(images_of(GREY), small, features="pixels")


def test_numbers_have_the_digits_that_their_interval_leaves():
    shown = [number(v) for v in (0.31254, 12.3456, 0.0016319, 123456.7, 0.0)]
    assert shown == ["0.313", "12.3", "0.00163", "123457", "0.000"]
    assert with_interval(0.0903012, 0.0843, 0.0965) == ("0.090", "0.084", "0.097")
    assert with_interval(3.1163, 2.886, 3.367) == ("3.12", "2.89", "3.37")
    assert with_interval(1783.6, 1689.2, 1871.9) == ("1784", "1689", "1872")
    assert with_interval(0.0, 0.0, 0.000384) == ("0", "0", "0.00038")

"""The table of results: who stands with whom, under which family, beside which picture."""

from __future__ import annotations

import csv
import io
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from imggen.drawing import grids

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts" / "site"))

import families  # noqa: E402
import generators  # noqa: E402
import results_figures  # noqa: E402
import results_files  # noqa: E402
import results_table  # noqa: E402

SHARE = {"value": 0.25, "interval": [0.125, 0.375], "floor": 0.75, "floor_interval": [0.7, 0.8]}


def publish(docs: Path, slug: str, method: str = "imggen.methods.gan:GAN", data: str = "mnist",
            distance: float = 1.0, **metrics: object) -> generators.Generator:  # fmt: skip
    """A published generator, read back."""
    folder = docs / "assets" / "experiments" / slug
    folder.mkdir(parents=True)
    (docs / "blog" / "posts").mkdir(parents=True, exist_ok=True)
    device = "Intel(R) Xeon(R) Processor, 1 threads"
    plain = dict.fromkeys(("command", "config_hash", "source_hash"), "x")
    manifest = {
        **plain,
        "slug": slug,
        "title": f"{slug.title()} & co",
        "method": method,
        "config": {"train": {"batch_size": 64}},
        "dataset": {"name": data, "split": "train", "images": 60000, "sha256": "s"},
        "spec": {"shape": [1, 28, 28]},
        "seed": 0,
        "steps": 1000,
        "parameters": 1234567,
        "training_flops": 2e14,
        "wall_seconds": 90.0,
        "device": device,
        "sampling": {"network_passes": 1.0, "flops_per_image": 2e7, "ms_per_image": 0.3,
                     "device": device},
    }  # fmt: skip
    frechet = {"value": distance, "interval": [0.9 * distance, 1.1 * distance], "floor": 0.1}
    result = {
        "metrics": {"frechet_distance": frechet, **metrics},
        "real": {"name": data, "split": "test", "sha256": "r"},
        "features": {"name": "lenet", "sha256": "f"},
        "protocol": {"n": 100, "seed": 0, "code": "c"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "metrics.json").write_text(json.dumps(result))
    return generators.Generator(manifest, result)


def page(docs: Path, badge: str = ">fresh<") -> str:
    made = results_table.Page(docs, lambda target: f"../{target}", lambda slug: badge)
    return made.html(generators.published(docs))


def test_data_and_protocols_are_never_mixed_in_one_ranking(tmp_path):
    publish(tmp_path, "b-mnist", distance=2.0)
    publish(tmp_path, "a-mnist", distance=3.0)
    publish(tmp_path, "c-mnist", distance=1.0)
    publish(tmp_path, "a-cifar10", data="cifar10")
    other = publish(tmp_path, "d-mnist")
    other.result["protocol"]["n"] = 50
    (tmp_path / "assets/experiments/d-mnist/metrics.json").write_text(json.dumps(other.result))
    groups = generators.grouped(generators.published(tmp_path))
    found = {group.title: [g.slug for g in group.members] for group in groups}
    assert found == {
        "MNIST": ["c-mnist", "b-mnist", "a-mnist"],
        "CIFAR-10": ["a-cifar10"],
        "MNIST, measured otherwise (2)": ["d-mnist"],
    }
    assert page(tmp_path).count("<table") == 3


def test_another_code_of_the_metrics_is_said(tmp_path):
    publish(tmp_path, "a-mnist")
    other = publish(tmp_path, "b-mnist")
    assert 'class="mixed"' not in page(tmp_path)
    other.result["protocol"]["code"] = "older"
    (tmp_path / "assets/experiments/b-mnist/metrics.json").write_text(json.dumps(other.result))
    assert page(tmp_path).count('class="mixed"') == 1


def test_every_method_has_a_family_and_an_unknown_one_is_shown(tmp_path):
    for path in (REPOSITORY / "imggen" / "methods").glob("[!_]*.py"):
        assert families.family(f"imggen.methods.{path.stem}:X") != families.OTHER, (
            f"scripts/site/families.py has no family for {path.stem}"
        )
    publish(tmp_path, "new-mnist", method="imggen.methods.never_seen:New")
    assert 'data-family="other"' in page(tmp_path)


def test_a_value_that_is_missing_is_a_dash_that_sorts_last(tmp_path):
    publish(tmp_path, "a-mnist", recall=SHARE, precision={**SHARE, "value": None})
    made = page(tmp_path)
    assert made.count("<td>–</td>") + made.count("<td class=first>–</td>") == 4
    assert '<td class=first data-value="0.25">' in made, "recall begins the block of variety"


def test_a_row_leads_to_its_post_or_else_to_its_manifest(tmp_path):
    publish(tmp_path, "a-mnist")
    publish(tmp_path, "b-mnist")
    post = "---\nslug: all-of-a\n---\n{{ card a-mnist }} {{ samples b-mnist }}\n"
    (tmp_path / "blog" / "posts" / "a.md").write_text(post)
    made = page(tmp_path, '<span class="badge stale">stale</span>')
    assert 'href="../blog/all-of-a/"' in made and 'href="../blog/all-of-a/#made-a-mnist"' in made
    assert 'href="../assets/experiments/b-mnist/manifest.json"' in made
    assert made.count('<span class="badge stale">') == 2 and "A-Mnist &amp; co" in made


def test_pictures_need_three_and_tell_kinds_apart(tmp_path):
    for number, slug in enumerate(("a-mnist", "b-mnist", "c-mnist")):
        assert "<figure" not in page(tmp_path)
        publish(tmp_path, slug, distance=number + 1.0, precision=SHARE, coverage=SHARE)
    made = page(tmp_path)
    assert made.count('<svg class="scatter"') == 1, "all cost the same: nothing to draw it against"
    assert made.count('data-key="b-mnist"') == 1 and 'href="#b-mnist"' in made


def test_files_hold_the_numbers_as_they_were_published(tmp_path):
    share = {**SHARE, "value": 1 / 3}
    made = publish(tmp_path, "a-mnist", recall=share)
    publish(tmp_path, "b-mnist")
    files = dict(results_files.files(tmp_path, generators.published(tmp_path)))
    first, second = csv.DictReader(io.StringIO(files[results_files.CSV]))
    assert float(first["recall"]) == 1 / 3 and float(first["recall_high"]) == 0.375
    assert second["recall"] == "" and first["training_images_seen"] == "64000"
    found = json.loads(files[results_files.JSON])["generators"]
    assert found[0]["metrics"] == made.result["metrics"] and found[0]["post"] is None


def test_bits_of_grey_levels_have_columns_of_their_own(tmp_path):
    publish(tmp_path, "a-mnist", nll_nats=SHARE, bits_per_dim=SHARE)
    publish(tmp_path, "b-mnist", bits_per_dim={**SHARE, "value": 1.25})
    files = dict(results_files.files(tmp_path, generators.published(tmp_path)))
    first, second = csv.DictReader(io.StringIO(files[results_files.CSV]))
    assert (first["bits_per_dim"], first["bits_per_dim_8bit"]) == ("0.25", "")
    assert (second["bits_per_dim"], second["bits_per_dim_8bit"]) == ("", "1.25")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_cut_has_the_pixels_that_were_generated(tmp_path, channels):
    pixels = torch.randint(0, 256, (96, channels, 28, 28), dtype=torch.uint8)
    path = tmp_path / "samples.png"
    path.write_bytes(grids.png(grids.image_grid(pixels, 16, grids.scale_for(28))))
    with Image.open(io.BytesIO(results_files.thumb(path, (channels, 28, 28)))) as image:
        cut = np.asarray(image.convert("RGB"))
    assert cut.shape == (57, 115, 3)
    for number in range(8):  # the diagonal of six rows: other classes where rows are classes
        top, left = number // 4 * 29, number % 4 * 29
        expected = pixels[16 * (number % 6) + number].permute(1, 2, 0).expand(28, 28, 3).numpy()
        np.testing.assert_array_equal(cut[top : top + 28, left : left + 28], expected)


def test_a_picture_that_is_no_grid_has_no_cut(tmp_path):
    Image.new("L", (40, 40)).save(tmp_path / "samples.png")
    assert results_files.thumb(tmp_path / "samples.png", (1, 28, 28)) is None


def test_names_of_devices_and_amounts_are_short():
    assert results_table.device("Intel(R) Xeon(R) Processor, 1 threads") == "Intel Xeon, 1 thread"
    assert results_table.device("NVIDIA H100 80GB HBM3") == "NVIDIA H100 80GB HBM3"
    flop = partial(results_figures.amount, unit="FLOP")
    assert [flop(x) for x in (850120, 23.5e6, 0.999e9)] == ["850 kFLOP", "24 MFLOP", "1 GFLOP"]

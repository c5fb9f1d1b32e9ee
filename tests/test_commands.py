"""The commands as a person types them: results, and one sentence with exit code 2 for bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shortcuts import lessons

from imggen.experiment import Experiment
from imggen.publishing.status import load_experiments, status
from imggen.runs import places
from imggen.runs.settings import differences
from imggen.studies.audit.audit import Audit
from imggen.studies.binary import Binary
from imggen.studies.chaos.study import Survival
from imggen.studies.checkpoints.study import Checkpoints
from imggen.studies.comparison import Comparison
from imggen.studies.dirac import Dirac
from imggen.studies.ladder import Ladder
from imggen.studies.likes_others import LikesOthers
from imggen.studies.process import Process
from imggen.studies.readable import Readable
from imggen.studies.requeue.study import Requeue
from imggen.studies.trade import Trade
from imggen.sweep import Sweep

REPOSITORY = Path(__file__).resolve().parents[1]
METRICS = {
    "frechet_distance",
    "kid",
    "precision",
    "recall",
    "density",
    "coverage",
    "classifier_score",
}
SHORT = ("--data.name", "digits", "--train.steps", "60", "--train.frames", "4",
         "--train.precision", "fp32", "--method.width", "16")  # fmt: skip
SLUGS = [e.slug for e in load_experiments(REPOSITORY / "experiments") if hasattr(e, "train")]


def bad(done, *says: str) -> None:
    """Exit code 2, one sentence on stderr, no traceback."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    for part in says:
        assert part in lines[0], lines[0]


def short_run(run, script: str, folder: Path) -> Path:
    """A short run of a script on digits, published into a docs folder of its own."""
    options = ("--run-dir", folder / "run", "--docs-dir", folder / "docs")
    done = run(script, *SHORT, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory, run):
    """A short run of the DCGAN."""
    return short_run(run, "experiments/dcgan_mnist.py", tmp_path_factory.mktemp("finished"))


def test_a_run_leaves_what_the_contract_names(finished):
    names = {p.name for p in (finished / "run").iterdir()}
    expected = {"manifest.json", "stats.jsonl", "checkpoint.pt", "weights.safetensors", "log.txt"}
    assert expected <= names
    folder = finished / "docs" / "assets" / "experiments" / "dcgan-mnist"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["files"]) == {p.name for p in folder.iterdir()} - {"manifest.json"}
    assert {"samples.png", "interpolation.gif", "training.gif", "curves.svg"} <= set(
        manifest["files"]
    )
    keys = "slug command config config_hash source_hash git dataset packages device world_size"
    for key in [*keys.split(), "seed", "steps", "wall_seconds", "images_per_second"]:
        assert manifest[key] is not None, key
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics["metrics"]) >= METRICS
    assert metrics["metrics"]["precision"]["floor"] is not None
    assert metrics["real"]["split"] == "test" and metrics["real"]["n"] == 360


def test_a_finished_run_does_not_train_again(finished, run):
    before = (finished / "run" / "stats.jsonl").read_text()
    done = run("experiments/dcgan_mnist.py", *SHORT, "--run-dir", finished / "run", "--no-publish")
    assert done.returncode == 0 and "resuming at step 60 of 60" in done.stdout
    assert (finished / "run" / "stats.jsonl").read_text() == before


def test_other_data_in_the_same_run_directory_is_refused(finished, run):
    options = ("--run-dir", finished / "run", "--no-publish")
    done = run("experiments/dcgan_mnist.py", *SHORT, *options, "--train.seed", "1")
    bad(done, "train.seed was 0 and is now 1", "--run-dir")
    done = run("experiments/dcgan_mnist.py", *SHORT, *options, "--method.lr-G", "0.1")
    bad(done, "method.lr_G was 0.001 and is now 0.1")


def test_samples_of_a_run_are_the_same_every_time(finished, run, tmp_path):
    for name in ("a.png", "b.png", "c.npy"):
        done = run("imggen", "sample", finished / "run", "--n", "9", "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert np.load(tmp_path / "c.npy").shape == (9, 8, 8, 1)


def test_evaluate_scores_a_folder_and_an_array_as_json(run, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (80, 12, 12), dtype=np.uint8)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i, image in enumerate(images[:40] if name == "a" else images[40:]):
            Image.fromarray(image).save(tmp_path / name / f"{i}.png")
    np.save(tmp_path / "b.npy", images[40:])
    results = []
    for real, fake in (("a", "b"), ("a", "b.npy")):
        done = run("imggen", "evaluate", tmp_path / real, tmp_path / fake, "--json")
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout))
        assert set(results[-1]["metrics"]) >= METRICS
    # The same images under other names, in another order: the same numbers.
    assert results[0]["metrics"] == results[1]["metrics"]


def test_evaluate_prints_the_floor_of_mnist(mnist_root, run):
    done = run("imggen", "evaluate", "mnist:train", "mnist:test", "--n", "400", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["features"]["name"] == "lenet" and len(result["features"]["sha256"]) == 64
    for name in METRICS:
        low, high = result["metrics"][name]["interval"]
        assert low <= result["metrics"][name]["value"] <= high
    assert result["metrics"]["coverage"]["value"] > 0.9


@pytest.mark.parametrize("slug", SLUGS)
def test_published_weights_sample_on_a_fresh_clone(slug, run, tmp_path):
    done = run("imggen", "sample", slug, "--n", "2", "--out", tmp_path / "grid.png")
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "grid.png").size[0] > 400


def test_published_figures_are_fresh():
    for row in status(REPOSITORY):
        assert row["state"] == "fresh", row


def test_published_files_are_small_enough_for_a_page():
    for slug in SLUGS:
        folder = places.assets(REPOSITORY / "docs") / slug
        for file in folder.iterdir():
            limit = {".gif": 1.5e6, ".safetensors": 2.5e6}.get(file.suffix, 1e6)
            assert file.stat().st_size < limit, file


def test_status_is_stale_after_a_changed_config_and_says_why(tmp_path, run):
    shutil.copytree(REPOSITORY / "experiments", tmp_path / "experiments")
    script = tmp_path / "experiments" / "dcgan_mnist.py"
    script.write_text(script.read_text().replace("lr_G=1e-3", "lr_G=0.123"))
    rows = {row["slug"]: row for row in status(tmp_path, REPOSITORY / "docs")}
    assert rows["dcgan-mnist"]["state"] == "stale"
    assert rows["dcgan-mnist"]["reasons"] == ["method.lr_G was 0.001 and is now 0.123"]
    assert rows["vae-mnist"]["state"] == "fresh"


def test_status_sees_a_tampered_file_and_a_missing_one(tmp_path):
    shutil.copytree(REPOSITORY / "docs" / "assets", tmp_path / "docs" / "assets")
    folder = places.assets(tmp_path / "docs")
    with open(folder / "dcgan-mnist" / "samples.png", "ab") as file:
        file.write(b"x")
    shutil.rmtree(folder / "vae-mnist-2d")
    rows = {row["slug"]: row for row in status(REPOSITORY, tmp_path / "docs")}
    assert rows["dcgan-mnist"]["reasons"] == ["samples.png is not the file that was published"]
    assert rows["vae-mnist-2d"]["state"] == "missing"


def test_status_prints_json_and_exits_with_1_when_something_is_missing(run, tmp_path):
    done = run("imggen", "status", "--json", "--docs-dir", tmp_path)
    assert done.returncode == 1
    assert {row["state"] for row in json.loads(done.stdout)} == {"missing"}


def test_differences_name_what_changed():
    was, now = {"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "d": 2}}
    assert list(differences(was, now)) == [
        "a.b was 1 and is now 3",
        "a.c is gone (was 2)",
        "a.d is new (2)",
    ]


BAD = {
    "no steps": (("--train.steps", "0"), ("--train.steps is 0",)),
    "negative steps": (("--train.steps", "-5"), ("--train.steps is -5",)),
    "unknown dataset": (("--data.name", "mnits"), ("Unknown dataset 'mnits'", "mnist")),
    "no CUDA": (("--train.device", "cuda"), ("--train.device cpu",)),
    "missing data": (
        ("--data.name", "kmnist", "--data.root", "/nonexistent"),
        ("kmnist", "--data.name digits"),
    ),
    "empty folder": (("--data.name", "folder", "--data.root", "/proc/sys/vm"), ("no images",)),
    "run directory is a file": (("--run-dir", "LICENSE"), ("LICENSE", "--run-dir")),
    "run directory not writable": (("--run-dir", "/proc/run"), ("/proc/run", "--run-dir")),
    "too small": (("--train.batch-size", "0"), ("--train.batch-size is 0",)),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_of_a_script_is_one_sentence(case, run, tmp_path):
    options, says = BAD[case]
    base = {"--data.name": "digits", "--run-dir": str(tmp_path / "run")}
    given = dict(zip(options[::2], options[1::2], strict=True))
    arguments = [part for item in {**base, **given}.items() for part in item]
    bad(run("experiments/dcgan_mnist.py", *arguments, "--no-publish"), *says)
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_unknown_flag_is_refused(run):
    done = run("experiments/dcgan_mnist.py", "--train.stepz", "3")
    assert done.returncode == 2 and "stepz" in done.stderr and "Traceback" not in done.stderr


EVALUATE_BAD = {
    "nothing there": (("digits:test", "nowhere"), "nowhere"),
    "no such folder": (("no/folder", "digits:test"), "does not exist"),
    "unknown features": (("digits:test", "digits:train", "--features", "vgg"), "vgg"),
    "missing weights": (
        ("digits:test", "digits:train", "--features", "inception"),
        "--weights",
    ),
    "too few": (("digits:test", "digits:train", "--n", "3"), "--n is 3"),
    "negative n": (("digits:test", "digits:train", "--n", "-3"), "--n is -3"),
    "unknown dataset": (("mnits:test", "digits:train"), "Unknown dataset"),
}


@pytest.mark.parametrize("case", EVALUATE_BAD)
def test_bad_input_of_evaluate_is_one_sentence(case, run, tmp_path):
    arguments, says = EVALUATE_BAD[case]
    bad(run("imggen", "evaluate", *arguments, TORCH_HOME=str(tmp_path)), says)


def test_bad_input_of_sample_is_one_sentence(finished, run, tmp_path):
    bad(run("imggen", "sample", "nothing", "--out", tmp_path / "a.png"), "dcgan-mnist")
    bad(run("imggen", "sample", finished / "run", "--out", tmp_path / "a.xyz"), ".png")
    bad(run("imggen", "sample", finished / "run", "--out", "/proc/a.png"), "/proc/a.png")
    bad(run("imggen", "sample", finished / "run", "--out", "LICENSE/a.png"), "LICENSE")
    bad(run("imggen", "sample", finished / "run", "--n", "0", "--out", tmp_path / "a.png"), "--n")
    damaged = tmp_path / "damaged"
    shutil.copytree(finished / "run", damaged)
    (damaged / "weights.safetensors").write_bytes(b"nothing")
    bad(run("imggen", "sample", damaged, "--out", tmp_path / "a.png"), "SHA-256 differs")
    assert not (tmp_path / "a.png").exists()


@pytest.fixture(scope="module")
def conditional(tmp_path_factory, run):
    """A short run of the conditional GAN, whose samples teach a classifier for a few steps."""
    with pytest.MonkeyPatch.context() as patch:
        lessons(patch, 60)
        return short_run(run, "experiments/cgan_mnist.py", tmp_path_factory.mktemp("conditional"))


def test_a_run_is_scored_and_its_picture_shows_nearest_training_images(finished, run, tmp_path):
    """Of a run, whose training images are known."""
    card = tmp_path / "card.png"
    done = run("imggen", "evaluate", "digits:test", finished / "run", "--figure", card)
    assert done.returncode == 0 and "floor" in done.stdout, done.stderr
    with Image.open(card) as image:
        assert image.size[0] > 1000 and image.size[1] > 800


def test_a_conditional_run_is_scored_by_its_labels_and_drawn_by_class(conditional):
    folder = published(conditional, "cgan-mnist")
    metrics = json.loads((folder / "metrics.json").read_text())["metrics"]
    assert metrics["gan_train"]["value"] is not None and metrics["gan_test"]["floor"] is not None
    assert json.loads((folder / "manifest.json").read_text())["spec"]["classes"] == 10
    width, height = Image.open(folder / "samples.png").size
    assert height / width == pytest.approx(10 / 16, rel=0.02)


def test_samples_are_asked_for_a_label(conditional, finished, run, tmp_path):
    arrays = []
    for label in ("3", "4"):
        out = tmp_path / f"{label}.npy"
        done = run("imggen", "sample", conditional / "run", "--label", label, "--out", out)
        assert done.returncode == 0, done.stderr
        arrays.append(np.load(out))
    assert not np.array_equal(*arrays)
    out = ("--out", tmp_path / "a.png")
    bad(run("imggen", "sample", conditional / "run", "--label", "10", *out), "0 to 9")
    bad(run("imggen", "sample", finished / "run", "--label", "1", *out), "knows no labels")
    bad(run("imggen", "sample", finished / "run", "--sampler", "steps=4", *out), "one way only")


def test_manifests_say_what_training_and_sampling_cost(finished):
    manifest = json.loads((published(finished, "dcgan-mnist") / "manifest.json").read_text())
    assert manifest["training_flops"] > 1e9 and manifest["loop"] == 1
    assert manifest["sampling"]["network_passes"] == 1
    assert manifest["sampling"]["flops_per_image"] > 0 < manifest["sampling"]["ms_per_image"]
    assert manifest["config"]["sampler"] == {}


def test_another_version_of_the_loop_is_stale(monkeypatch):
    monkeypatch.setattr(Experiment, "loop", 99)
    rows = {row["slug"]: row for row in status(REPOSITORY)}
    assert rows["vae-mnist"]["reasons"] == [
        "the training loop's arithmetic changed (version 1 to 99)"
    ]


def published(folder: Path, slug: str) -> Path:
    return places.assets(folder / "docs") / slug


def test_redrawing_from_the_published_weights_gives_the_same_figures(finished, run, tmp_path):
    shutil.copytree(finished / "docs", tmp_path / "docs")
    folder = places.assets(tmp_path / "docs") / "dcgan-mnist"
    before = json.loads((folder / "manifest.json").read_text())["files"]
    done = run("experiments/dcgan_mnist.py", "--from-published", "--docs-dir", tmp_path / "docs")
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["files"] == before
    manifest["dataset"]["sha256"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    again = ("experiments/dcgan_mnist.py", "--from-published", "--docs-dir", tmp_path / "docs")
    bad(run(*again), "digits holds other images here than dcgan-mnist was trained on")


def test_experiments_keep_to_their_slug():
    for path in (REPOSITORY / "experiments").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 30
    for experiment in load_experiments(REPOSITORY / "experiments"):
        assert experiment.slug == "presentation" or isinstance(
            experiment,
            (
                Experiment,
                Audit,
                Comparison,
                Dirac,
                Ladder,
                Binary,
                Checkpoints,
                LikesOthers,
                Process,
                Readable,
                Requeue,
                Survival,
                Sweep,
                Trade,
            ),
        )
    assert len(set(SLUGS)) == len(SLUGS) >= 2

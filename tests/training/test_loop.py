"""The loop: same bits after any interruption, and nothing lost when something breaks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from imggen.data import datasets
from imggen.methods import dcgan, vae
from imggen.runs.folder import RunDir
from imggen.system import processor
from imggen.system.errors import Interrupted, UserError
from imggen.system.files import sha256_file, write_bytes
from imggen.system.seeds import derive_seed
from imggen.training import checkpoint
from imggen.training.config import TrainConfig, frame_steps
from imggen.training.loop import Trainer
from imggen.training.order import ImageOrder
from imggen.training.writer import Writer

REPOSITORY = Path(__file__).resolve().parents[2]
METHODS = {"dcgan": (dcgan.DCGAN, dcgan.Config.tiny()), "vae": (vae.VAE, vae.Config.tiny())}


def trainer(folder: Path, method: str = "dcgan", identity=None, **settings) -> Trainer:
    kind, config = METHODS[method]
    run = RunDir(folder)
    run.create()
    settings = {"steps": 30, "batch_size": 20, "log_steps": 7, "device": "cpu", **settings}
    images = datasets.load("digits", "test")
    return Trainer(
        lambda spec: kind(config, spec),
        images,
        TrainConfig(**settings),
        run,
        identity or {"method": method},
    )


def keep_no_frame(method, step):
    pass


def final_weights(t: Trainer) -> dict[str, torch.Tensor]:
    return {**t.ema.state_dict(), **{f"raw.{k}": v for k, v in t.method.state_dict().items()}}


def assert_same_bits(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
@pytest.mark.parametrize("emulated", [True, False])
def test_slow_arithmetic_is_told(precision, emulated, tmp_path, monkeypatch):
    monkeypatch.setattr(processor, "emulates_bf16", lambda: emulated)
    trainer(tmp_path, precision=precision).announce()
    told = "--train.precision fp32 is faster" in (tmp_path / "log.txt").read_text()
    assert told is (emulated and precision == "bf16")


def test_the_statistics_are_the_same_after_a_stop(tmp_path):
    trainer(tmp_path / "whole").train(keep_no_frame)
    stopped = trainer(tmp_path / "parts")

    def stop_at(method, step):
        if step:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="SIGTERM"):
        stopped.train(stop_at)
    assert 0 < checkpoint.read(tmp_path / "parts" / checkpoint.NAME)["step"] < 30
    trainer(tmp_path / "parts").train(keep_no_frame)

    def losses(name):
        rows = RunDir(tmp_path / name).read_stats()
        return [
            {k: v for k, v in r.items() if k not in ("wall_seconds", "images_per_second")}
            for r in rows
        ]

    assert losses("whole") == losses("parts")
    assert [row["step"] for row in losses("whole")] == [7, 14, 21, 28, 30]


def test_a_signal_while_the_last_checkpoint_is_handed_over_is_heard(tmp_path, monkeypatch):
    save = Writer.save

    def signalled(*arguments, **more):
        os.kill(os.getpid(), signal.SIGTERM)
        save(*arguments, **more)

    monkeypatch.setattr(Writer, "save", signalled)
    with pytest.raises(Interrupted, match="SIGTERM at step 30"):
        trainer(tmp_path).train(keep_no_frame)
    assert trainer(tmp_path).train(keep_no_frame) == 30


def test_every_image_is_seen_once_an_epoch():
    order = ImageOrder(n=10, batch_size=4, seed=0)
    seen = torch.cat([order(step) for step in range(5)])
    assert sorted(seen[:10].tolist()) == sorted(seen[10:].tolist()) == list(range(10))
    assert seen[:10].tolist() != seen[10:].tolist()
    assert torch.equal(order(3), ImageOrder(10, 4, 0)(3))
    assert not torch.equal(order(3), ImageOrder(10, 4, 1)(3))
    small = ImageOrder(n=3, batch_size=8, seed=0)(0).tolist()
    assert sorted(small[:3]) == sorted(small[3:6]) == [0, 1, 2]


def test_seeds_are_the_same_everywhere():
    assert derive_seed("noise", 0, 1, 2) == 331208580028370854


def test_ema_is_the_weighted_mean(tmp_path):
    t = trainer(tmp_path, "vae", ema_halflife_images=40, ema_rampup=1.0)
    expected = [p.detach().clone() for p in t.method.parameters()]
    for _ in range(3):
        t.advance()
        decay = 0.5 ** (20 / min(40, t.step * 20))
        expected = [
            decay * e + (1 - decay) * p.detach()
            for e, p in zip(expected, t.method.parameters(), strict=True)
        ]
    for e, p in zip(expected, t.ema.parameters(), strict=True):
        assert torch.allclose(e, p, atol=1e-6)


def test_frames_are_dense_at_first_and_end_with_the_last_step():
    steps = sorted(frame_steps(TrainConfig(steps=1000, frames=11)))
    assert steps[:3] == [0, 10, 40] and steps[-1] == 1000
    assert frame_steps(TrainConfig(frames=0)) == set()


def test_another_setting_is_refused_with_the_difference(tmp_path):
    trainer(tmp_path, identity={"method": {"lr": 0.1, "width": 4}}).train(keep_no_frame)
    with pytest.raises(UserError, match=r"method\.lr was 0\.1 and is now 0\.2") as error:
        trainer(tmp_path, identity={"method": {"lr": 0.2, "width": 4}}).train(keep_no_frame)
    assert "width" not in str(error.value)


def test_more_steps_are_allowed_and_fewer_are_refused(tmp_path):
    trainer(tmp_path, steps=10).train(keep_no_frame)
    longer = trainer(tmp_path, steps=20)
    longer.train(keep_no_frame)
    assert longer.step == 20
    again = trainer(tmp_path, steps=20)
    assert again.train(keep_no_frame) == 20, "it begins where it ends"
    assert_same_bits(final_weights(longer), final_weights(again))
    with pytest.raises(UserError, match="already been trained for 20 steps"):
        trainer(tmp_path, steps=15).train(keep_no_frame)


def test_rows_are_means_over_their_steps_after_an_extension(tmp_path):
    whole = trainer(tmp_path / "whole", steps=30)
    values = []
    while whole.step < 30:
        whole.advance()
        values.append({k: v.item() for k, v in whole.window.items()})
        whole.window, whole.window_steps = {}, {}
    trainer(tmp_path / "parts", steps=10).train(keep_no_frame)
    trainer(tmp_path / "parts", steps=30).train(keep_no_frame)
    rows = {row["step"]: row for row in RunDir(tmp_path / "parts").read_stats()}
    for last, first in ((7, 0), (10, 7), (14, 10), (21, 14), (30, 28)):
        mean = sum(v["loss_D"] for v in values[first:last]) / (last - first)
        assert rows[last]["loss_D"] == pytest.approx(mean, rel=1e-5), last


def test_in_bf16_each_loss_sees_the_weights_of_the_step_before_it(tmp_path):
    """Autocast caches bf16 weights: without care, loss_G would not see the update of D."""

    def loss_of_generator(learning_rate: float) -> float:
        t = trainer(tmp_path / str(learning_rate), precision="bf16")
        minimize = t.minimize
        # Only the discriminator, which comes first, gets this rate.
        t.minimize = lambda loss, optimizer, lr: minimize(loss, optimizer, lr=learning_rate)
        t.advance()
        return t.window["loss_G"].item()

    assert abs(loss_of_generator(0.05) - loss_of_generator(0.0)) > 0.05


def test_a_gradient_that_is_not_finite_never_reaches_a_checkpoint(tmp_path):
    broken = trainer(tmp_path, steps=40, checkpoint_seconds=0)
    step = broken.method.training_step

    def poisoned(batch, t, minimize):
        weight = next(broken.method.D.parameters())
        hook = weight.register_hook(lambda g: g * float("nan")) if t == 19 else None
        stats = step(batch, t, minimize)
        if hook is not None:
            hook.remove()
        return stats

    broken.method.training_step = poisoned
    with pytest.raises(UserError, match="NaN or infinite"):
        broken.train(keep_no_frame)
    kept = checkpoint.read_latest(tmp_path)
    assert kept["step"] == 10
    assert all(v.isfinite().all() for v in kept["method"].values() if v.is_floating_point())


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path, monkeypatch):
    trainer(tmp_path, steps=10).train(keep_no_frame)
    before = sha256_file(tmp_path / checkpoint.NAME)
    broken = trainer(tmp_path, steps=60)
    step = broken.method.training_step
    broken.method.training_step = lambda batch, t, minimize: step(
        batch._replace(x=batch.x * (float("nan") if t == 23 else 1)), t, minimize
    )
    with pytest.raises(UserError, match="NaN or infinite"):
        broken.train(keep_no_frame)
    kept = checkpoint.read_latest(tmp_path)
    assert sha256_file(tmp_path / checkpoint.NAME) == before or kept["step"] <= 20
    assert all(v.isfinite().all() for v in kept["method"].values() if v.is_floating_point())


def test_a_real_full_disk_is_one_sentence_and_keeps_the_old_file(tmp_path):
    """A limit on file sizes stands for the full disk: the write fails half-way."""
    target = tmp_path / "file"
    write_bytes(target, b"old")
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from pathlib import Path; from imggen.system.files import write_bytes;"
        "write_bytes(Path(sys.argv[1]), b'x' * 5000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, target], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 1 and "File too large" in done.stderr
    assert target.read_bytes() == b"old" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("field", "value"),
    [("steps", 0), ("steps", -3), ("batch_size", 0), ("frames", -1), ("clip_norm", 0.0)],
)
def test_senseless_settings_are_refused(tmp_path, field, value):
    with pytest.raises(UserError, match=r"--train\." + field.replace("_", "-")):
        trainer(tmp_path, **{field: value})


SCRIPT = ("experiments/dcgan_mnist.py", "--data.name", "digits", "--train.steps", "150",
          "--train.precision", "fp32", "--method.width", "8", "--train.frames", "0",
          "--train.checkpoint-seconds", "0", "--no-publish")  # fmt: skip


def start(folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *SCRIPT, "--run-dir", str(folder)],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_a_run_that_was_killed_and_stopped_ends_with_the_same_bits(tmp_path):
    """SIGKILL, then SIGTERM, which saves a checkpoint and asks for another turn: the same weights
    as an undisturbed run's. At any moment, and many times: the chaos study and its test."""
    whole = start(tmp_path / "whole")
    output, _ = whole.communicate(timeout=300)
    assert whole.returncode == 0, output
    newest = tmp_path / "killed" / checkpoint.NAME
    for kill, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 75)):
        before = newest.stat().st_mtime_ns if newest.exists() else 0
        process = start(tmp_path / "killed")
        # Wait until it trains: killing the import of torch would prove nothing.
        while process.poll() is None and (
            not newest.exists() or newest.stat().st_mtime_ns == before
        ):
            time.sleep(0.01)
        process.send_signal(kill)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == code, output
    assert "the same command goes on from there" in output
    assert 0 < checkpoint.read(tmp_path / "killed" / checkpoint.NAME)["step"] < 150
    assert not (tmp_path / "killed" / "manifest.json").exists()
    final = start(tmp_path / "killed")
    output, _ = final.communicate(timeout=300)
    assert final.returncode == 0 and "resuming at step" in output, output
    weights = [sha256_file(tmp_path / name / "weights.safetensors") for name in ("whole", "killed")]
    assert weights[0] == weights[1]


def test_rows_of_statistics_are_json_and_a_cut_line_is_forgotten(tmp_path):
    run = RunDir(tmp_path)
    run.create()
    for step in (10, 20, 30):
        run.append_stats({"step": step, "loss": 1.0})
    with open(run.stats, "a") as file:
        file.write('{"step": 40, "lo')
    assert [row["step"] for row in run.read_stats()] == [10, 20, 30]
    run.rewind(20)
    assert [json.loads(line)["step"] for line in run.stats.read_text().splitlines()] == [10, 20]

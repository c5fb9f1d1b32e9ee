"""Checkpoints: kept, verified, fallen back from; and what a disk that takes nothing does."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import threading
import time
import zipfile
from pathlib import Path

import pytest
import torch
from test_loop import assert_same_bits, final_weights, keep_no_frame, trainer
from torch import nn

from imggen.runs.folder import RunDir
from imggen.system.errors import Interrupted, UserError
from imggen.training import checkpoint, writer
from imggen.training.checkpoint import NAMES, read_latest
from imggen.training.writer import Writer

OLD = Path(__file__).with_name("checkpoint-format-1.pt")
"""Of `trainer(..., "vae", steps=10)`, written before checkpoints had a format."""


def state(step: int, **more: object) -> dict:
    return {"step": step, "identity": {}, "weights": torch.full((500,), float(step)), **more}


def steps(folder: Path) -> list[int]:
    """Of the checkpoints that are kept, newest first."""
    there = [folder / name for name in NAMES if (folder / name).is_file()]
    return [checkpoint.read(path)["step"] for path in there]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = {
    "cut": lambda path: os.truncate(path, path.stat().st_size // 3),
    "flipped": flip,
    "empty": lambda path: os.truncate(path, 0),
    "foreign": lambda path: torch.save([1, 2], path),
    "folder": a_folder,
    "unreadable": lambda path: path.chmod(0),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_put_aside_and_the_one_before_used(tmp_path, damage, monkeypatch):
    for step in range(4):
        checkpoint.write(tmp_path, state(step))
    assert steps(tmp_path) == [3, 2, 1]
    newest = tmp_path / NAMES[0]
    DAMAGES[damage](newest)
    if damage == "unreadable" and os.geteuid() == 0:  # whom no permission stops
        monkeypatch.setattr(checkpoint.zipfile, "ZipFile", refusing(newest))
    said: list[str] = []
    assert read_latest(tmp_path, said.append)["step"] == 2
    assert len(said) == 1 and f"Resuming from {NAMES[1]} instead" in said[0]
    assert read_latest(tmp_path, said.append, mend=True)["step"] == 2
    assert list(tmp_path.glob("checkpoint-damaged*")) and not newest.exists()
    monkeypatch.undo()
    checkpoint.write(tmp_path, state(4))
    assert steps(tmp_path) == [4, 2, 1], "no good one made room for a damaged one"


def refusing(path: Path):
    """A ZipFile that may not read `path`."""
    real = checkpoint.zipfile.ZipFile

    def zip_file(file, *more):
        if file == path:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(file, *more)

    return zip_file


def test_the_third_is_used_when_two_are_damaged_and_none_when_all_are(tmp_path):
    for step in range(3):
        checkpoint.write(tmp_path, state(step))
    for name in NAMES[:2]:
        (tmp_path / name).write_bytes(b"nothing")
    with pytest.warns(UserWarning, match=f"Resuming from {NAMES[2]}"):
        assert read_latest(tmp_path)["step"] == 0
    (tmp_path / NAMES[2]).write_bytes(b"")
    with pytest.raises(UserError, match="delete its checkpoint files"):
        read_latest(tmp_path, mend=True)
    assert all((tmp_path / name).exists() for name in NAMES)


def test_a_fallback_is_in_the_log_and_ends_with_the_same_bits(tmp_path):
    whole = trainer(tmp_path / "whole", "vae")
    whole.train(keep_no_frame)
    folder = tmp_path / "run"
    for end in (10, 20):
        trainer(folder, "vae", steps=end).train(keep_no_frame)
    flip(folder / NAMES[0])
    resumed = trainer(folder, "vae")
    assert resumed.train(keep_no_frame) == 10
    assert_same_bits(final_weights(whole), final_weights(resumed))
    assert f"Resuming from {NAMES[1]} instead" in (folder / "log.txt").read_text()


def test_formats(tmp_path):
    """One without a number goes on as if it were ours; one of tomorrow is refused, not skipped."""
    whole = trainer(tmp_path / "whole", "vae")
    whole.train(keep_no_frame)
    resumed = trainer(tmp_path / "old", "vae")
    (tmp_path / "old" / NAMES[0]).write_bytes(OLD.read_bytes())
    assert resumed.train(keep_no_frame) == 10
    assert checkpoint.read(tmp_path / "old" / NAMES[0])["format"] == checkpoint.FORMAT
    ours, theirs = final_weights(whole), final_weights(resumed)
    assert all(torch.allclose(ours[key], theirs[key], rtol=1e-3, atol=1e-3) for key in ours)
    checkpoint.write(tmp_path, state(1))
    checkpoint.write(tmp_path, state(2, format=checkpoint.FORMAT + 1))
    with pytest.raises(checkpoint.Newer, match="newer imggen"):
        read_latest(tmp_path)
    for wrong in ("2", True, 0):
        torch.save(state(3, format=wrong), tmp_path / NAMES[0])
        with pytest.raises(UserError, match="its format is"):
            checkpoint.read(tmp_path / NAMES[0])


def full(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_ends_no_training(tmp_path, monkeypatch):
    """For a while nothing can be written: it is said once, and all is as if nothing had been."""
    whole = trainer(tmp_path / "whole", "vae", steps=60, log_steps=5)
    whole.train(keep_no_frame)
    t = trainer(tmp_path / "run", "vae", steps=60, log_steps=5, checkpoint_seconds=0, frames=4)
    advance, real = t.advance, os.fsync

    def advancing() -> None:
        if t.step in (15, 45):
            writing._finish()
            monkeypatch.setattr(os, "fsync", full if t.step == 15 else real)
        advance()

    writing = t.writer = Writer(t.run.path, t.run.log)
    monkeypatch.setattr("imggen.training.loop.Writer", lambda *_: writing)
    t.advance = advancing
    t.train(keep_no_frame)
    assert_same_bits(final_weights(whole), final_weights(t))
    log = (tmp_path / "run" / "log.txt").read_text()
    assert log.count("can't write") == log.count("can be written again") == 1
    assert "No space left on device" in log
    assert steps(tmp_path / "run")[0] == 60


@pytest.mark.parametrize("stop", [True, False])
def test_what_a_disk_that_stays_full_leaves(tmp_path, monkeypatch, stop):
    """Stopped: 75 and the one before goes on. At the end: an error, which is exit code 2."""
    trainer(tmp_path, "vae", steps=10).train(keep_no_frame)
    t = trainer(tmp_path, "vae", steps=20)
    advance = t.advance

    def advancing() -> None:
        advance()
        if stop and t.step == 13:
            os.kill(os.getpid(), signal.SIGTERM)

    t.advance = advancing
    with monkeypatch.context() as patch:
        patch.setattr("imggen.training.checkpoint.os.fsync", full)
        patch.setattr("imggen.training.loop.RunDir.rewind", lambda run, step: None)
        says = "SIGTERM at step 13, and can't write" if stop else "No space left"
        with pytest.raises(Interrupted if stop else OSError, match=says):
            t.train(keep_no_frame)
    assert steps(tmp_path) == [10] and not list(tmp_path.glob(".*.tmp"))
    assert trainer(tmp_path, "vae", steps=20).train(keep_no_frame) == 10


def test_a_file_that_can_not_grow_is_an_error_with_a_name(tmp_path):
    """A real one: the system lets no file get larger."""
    checkpoint.write(tmp_path, state(1))
    run = RunDir(tmp_path)
    run.append_stats({"step": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (run.stats.stat().st_size + 5, hard))
    try:
        with pytest.raises(OSError, match="File too large") as error:
            checkpoint.write(tmp_path, state(2))
        run.append_stats({"step": 2})
        run.append_stats({"step": 3})
        with pytest.raises(OSError, match="File too large"):
            run.flush()
        assert run.stats.read_text() == '{"step": 1}\n', "no half of a line"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.filename == str(tmp_path / NAMES[0])
    assert steps(tmp_path) == [1] and not list(tmp_path.glob(".*.tmp"))
    run.flush()
    assert [json.loads(line)["step"] for line in run.stats.read_text().splitlines()] == [1, 2, 3]


def of_no_known_kind(path: Path) -> None:
    """In the archive's list of contents."""
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 10] = 99
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [flip, of_no_known_kind])
def test_what_does_not_read_back_whole_takes_no_place(tmp_path, monkeypatch, damage):
    checkpoint.write(tmp_path, state(1))
    verify = checkpoint._verify

    def on_a_bad_disk(path: Path) -> None:
        damage(path)
        verify(path)

    monkeypatch.setattr(checkpoint, "_verify", on_a_bad_disk)
    with pytest.raises(OSError, match="does not read back whole"):
        checkpoint.write(tmp_path, state(2))
    assert steps(tmp_path) == [1]


def slow_snapshot(monkeypatch) -> None:
    def slowly(*arguments, **which):
        time.sleep(0.2)
        return checkpoint.snapshot(*arguments, **which)

    monkeypatch.setattr(writer, "snapshot", slowly)


def test_weights_that_move_are_copied_before(tmp_path, monkeypatch):
    slow_snapshot(monkeypatch)
    writing, weights = Writer(tmp_path), torch.zeros(3)
    writing.save(state(1, weights=weights))
    writing.settle()
    weights += 1
    writing.wait()
    assert checkpoint.read(tmp_path / NAMES[0])["weights"].tolist() == [0, 0, 0]
    writing.save(state(2, weights=weights))
    weights += 1  # without asking
    with pytest.raises(RuntimeError, match="moved while they were copied"):
        writing.wait()
    writing.close()
    assert steps(tmp_path) == [1]


def test_training_settles_before_any_weight_moves(tmp_path, monkeypatch):
    """Copies that take their time: the checkpoints are those of quick ones."""
    for name in ("quick", "slow"):
        t = trainer(tmp_path / name, "dcgan", checkpoint_seconds=0)
        t.train(keep_no_frame)
        slow_snapshot(monkeypatch)
    for file in NAMES:
        quick, slow = (checkpoint.read(tmp_path / name / file) for name in ("quick", "slow"))
        assert quick["step"] == slow["step"]
        assert_same_bits(quick["method"], slow["method"])
        assert_same_bits(quick["ema"], slow["ema"])


def test_a_copy_takes_over_the_memory_of_the_one_before():
    value = {"a": [torch.ones(3), 1], "b": torch.ones(2, dtype=torch.int64), "c": torch.ones(1)}
    first = checkpoint.snapshot(value)
    other = {"a": [torch.zeros(3), 2], "b": torch.zeros(2), "d": torch.zeros(1)}
    again = checkpoint.snapshot(other, first)
    assert again["a"][0] is first["a"][0] and again["a"][0].tolist() == [0, 0, 0]
    assert again["b"].dtype == torch.float32 and again.keys() == other.keys()
    assert again["a"][1] == 2 and again["d"] is not other["d"]


def test_what_will_not_move_is_written_as_it_is(tmp_path, monkeypatch):
    """A signal waits for no copy of the weights."""
    written, write = [], checkpoint.write

    def spy(folder, state, check):
        written.append(state["weights"].data_ptr())
        write(folder, state, check)

    monkeypatch.setattr(writer, "write", spy)
    writing, weights = Writer(tmp_path), torch.zeros(3)
    writing.save(state(1, weights=weights))
    writing.save(state(2, weights=weights), still=True)
    writing.wait()
    assert [pointer == weights.data_ptr() for pointer in written] == [False, True]
    writing.save(state(3, weights=weights), still=True)
    weights += 1  # nobody may
    with pytest.raises(RuntimeError, match="moved while they were"):
        writing.wait()
    writing.close()
    assert steps(tmp_path) == [2, 1], "what was torn is no checkpoint"
    assert checkpoint.read(tmp_path / NAMES[0])["weights"].tolist() == [0, 0, 0]


def test_only_the_last_checkpoint_of_a_training_is_not_copied(tmp_path, monkeypatch):
    asked = []
    save = Writer.save

    def spy(self, state, **which):
        asked.append((state["step"], which["still"]))
        save(self, state, **which)

    monkeypatch.setattr(Writer, "save", spy)
    t = trainer(tmp_path, "dcgan", checkpoint_seconds=0)
    t.train(keep_no_frame)
    assert len(asked) > 2 and asked == [(step, step == t.config.steps) for step, _ in asked]


def test_buffers_are_copied_at_once():
    norm = nn.BatchNorm1d(2)
    kept = checkpoint.held(norm)
    norm(torch.ones(4, 2))
    assert kept["running_mean"].tolist() == [0, 0] and kept["num_batches_tracked"] == 0
    assert kept["weight"].data_ptr() == norm.weight.data_ptr()


@pytest.mark.parametrize("ends", [False, True])
def test_each_part_is_looked_at_with_one_thread_or_two(tmp_path, monkeypatch, ends):
    """Python starts no thread any more when it ends: a whole file is no damaged one for that."""
    if ends:

        def no_more(self):
            raise RuntimeError("can't create new thread at interpreter shutdown")

        monkeypatch.setattr(threading.Thread, "start", no_more)
    path = tmp_path / "parts.zip"
    for damaged in (None, *range(4)):
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(4):
                archive.writestr(str(number), bytes([number] * 1000))
        if damaged is not None:
            whole = path.read_bytes()
            at = whole.index(bytes([damaged] * 1000)) + 500
            path.write_bytes(whole[:at] + b"x" + whole[at + 1 :])
        with zipfile.ZipFile(path) as archive:
            assert checkpoint.damaged_part(archive) == (None if damaged is None else str(damaged))

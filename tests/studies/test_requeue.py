"""A job's way through a cluster: what is seen of it, and what is published."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import pytest

from imggen.publishing.study import StudyOptions
from imggen.runs.places import assets
from imggen.studies.requeue import study
from imggen.studies.requeue.jobs import Job, Plan
from imggen.studies.requeue.study import FILE, Requeue
from imggen.system.errors import UserError

PUBLISHED = Path(__file__).parents[2] / "docs" / "assets" / "experiments" / "requeue"


def test_the_phases_are_read_off_the_queue_and_the_log(tmp_path):
    job, log = Job(Plan("it", "requeue", "trains", after=2), tmp_path, "7"), tmp_path / "log.txt"
    job.look("PENDING", 1)
    job.look("RUNNING", 2)
    log.write_text("starting of 10, 5 images\n")
    job.look("RUNNING", 3)
    assert not job.is_due(4.9) and job.is_due(5)
    job.done += 1
    assert not job.is_due(6), "once is enough"
    log.write_text(log.read_text() + "Stopped by SIGTERM at step 4: it goes on.\n")
    job.look("PENDING", 6)
    job.look("RUNNING", 8)
    log.write_text(log.read_text() + "resuming at step 4 of 10, 5 images\nweights in there\n")
    job.look("RUNNING", 9)
    job.look("COMPLETED", 10)
    seen = [(span["phase"], span["begin"], span["end"]) for span in job.spans]
    assert seen == [("waits", 0, 2), ("begins", 2, 3), ("trains", 3, 6), ("waits", 6, 8),
                    ("begins", 8, 9), ("scores", 9, 10)]  # fmt: skip
    assert job.events == [{"at": 6, "what": "Stopped by SIGTERM at step 4"}]


def test_what_is_published_lost_nothing():
    jobs = {job["name"]: job for job in json.loads((PUBLISHED / FILE).read_text())["jobs"]}
    nowhere = jobs.pop("gets nowhere")
    assert nowhere["turns"] == 4 and nowhere["error"].startswith("3 attempts of job")
    assert {job["same_weights"] for job in jobs.values()} == {True}
    assert jobs.pop("undisturbed")["turns"] == 1
    assert all(job["turns"] > 1 for job in jobs.values())


def test_without_slurm_it_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(study, "missing", lambda: "SLURM is not installed")
    asked = StudyOptions(run_dir=tmp_path / "run", docs_dir=tmp_path)
    with pytest.raises(UserError, match="a SLURM cluster of its own, and SLURM is not installed"):
        Requeue("it", "It", "experiments/gan_mnist.py", (), ()).run(asked)
    assert not list(tmp_path.iterdir())


def test_what_is_drawn_again_must_be_what_was_published(tmp_path):
    of_record = runpy.run_path(str(PUBLISHED.parents[3] / "experiments" / "requeue.py"))[
        "experiment"
    ]
    copy = shutil.copytree(PUBLISHED, assets(tmp_path) / PUBLISHED.name)
    (copy / FILE).write_text((copy / FILE).read_text().replace("true", "false", 1))
    with pytest.raises(UserError, match=f"{FILE} is not the file that was published"):
        of_record.run(StudyOptions(docs_dir=tmp_path, from_published=True))

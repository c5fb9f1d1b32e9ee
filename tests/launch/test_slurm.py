"""What is refused before anything is submitted, and what would be; SLURM itself is played."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from imggen.launch.partitions import seconds_of
from imggen.launch.script import FOLDER, copies
from imggen.launch.slurm import _refuse_short
from imggen.system.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[2]
SINFO = """\
cpu*|1:00:00|8|(null)|n1
cpu*|1:00:00|8|(null)|n2
gpu|2-00:00:00|32|gpu:a100:4(S:0-1)|g1
gpu|2-00:00:00|32|gpu:2|g2
free|infinite|4|(null)|f1
"""
DCGAN = "experiments/dcgan_mnist.py"


@pytest.fixture
def slurm(run, tmp_path):
    """`imggen launch slurm` on a cluster of two partitions; what went to sbatch is kept."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, body in (
        ("sinfo", f"cat <<'END'\n{SINFO}END"),
        ("sbatch", f"cat > {tmp_path}/submitted; echo 17"),
        ("squeue", "exit 0"),
    ):
        (bin_ / name).write_text(f"#!/bin/sh\n{body}\n")
        (bin_ / name).chmod(0o755)

    def launch(*arguments, script=DCGAN, path=f"{bin_}:{os.environ['PATH']}"):
        folder = ("--run-dir", tmp_path / "run") if "--run-dir" not in arguments else ()
        dashes = () if "--" in arguments else ("--",)
        return run("imggen", "launch", "slurm", script, *arguments, *dashes, *folder, PATH=path)

    return launch


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--partition", "fast"), "no partition fast: --partition is one of cpu, free, gpu."),
        (("--gpus", "1"), "Partition cpu has at most 0 GPUs on a node"),
        (("--partition", "gpu", "--gpus", "5"), "at most 4 GPUs on a node, and 5 are asked"),
        (
            ("--partition", "gpu", "--gpus", "4", "--nodes", "2"),
            "at most 2 GPUs on each of 2 nodes",
        ),
        (("--gpus", "0", "--nodes", "3"), "partition cpu has 2"),
        (("--gpus", "0", "--cpus", "9"), "at most 8 CPUs on a node"),
        (("--gpus", "0", "--time", "01:00:01"), "more than partition cpu allows (01:00:00)"),
        (("--gpus", "0", "--time", "soon"), "--time soon is no time"),
        (("--gpus", "0", "--time", "2"), "(--train.checkpoint-seconds 30) and the 90 s"),
        (("--partition", "gpu", "--gpus", "3"), "--train.batch-size 64 does not divide by 3"),
        (("--gpus", "0", "--seeds", "4-1"), "--seeds 4-1 names no seeds"),
        (("--gpus", "0", "--seeds", "0-1", "--", "--train.seed", "3"), "both name seeds"),
        (("--gpus", "0", "--", "--run-dir", "/proc/run"), "Can't write to the run directory /proc"),
        (("--gpus", "-1"), "--gpus is -1"),
        (("--gpus", "0", "--lead", "65536"), "--lead is 65536"),
        (("--gpus", "0", "--partition="), "There is no partition : --partition is one of"),
        (("--gpus", "0", "--account", "a\nrm -r x"), "is no name of an account"),
        (("--gpus", "0", "--account", "a --wrap=x"), "is no name of an account"),
        (("--gpus", "0", "--time", "٤٥"), "is no time"),
        (("--gpus", "0", "--seeds", "٣"), "names no seeds"),
        (("--gpus", "0", "--seeds", "0-99999999999"), "are numbered up to 1000"),
        (("--gpus", "0", "--seeds", "9" * 5000), "names no seeds"),
        (("--gpus", "0", "--", "--run-dir", "."), "--run-dir names no folder but this one"),
        (("--gpus", "0", "--", "--run-dir", ""), "--run-dir names no folder but this one"),
        (("--gpus", "0", "--", "--run-dir", "/tmp/a\ntouch x"), "ends of lines"),
        (("--gpus", "0", "--", "--run-dir", "/tmp/a\\b"), "without backslashes"),
    ],
)
def test_what_can_be_known_is_refused_before(slurm, tmp_path, arguments, says):
    done = slurm(*arguments)
    assert done.returncode == 2 and says in done.stderr, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "submitted").exists()


@pytest.mark.parametrize(
    ("place", "what", "says"),
    [
        ("shutil.disk_usage", SimpleNamespace(free=2**20), "is full: choose another one"),
        ("clock_of", 0.0, "The clocks here and of the run directory"),
    ],
)
def test_a_full_disk_and_a_wrong_clock_are_seen_before(
    slurm, tmp_path, monkeypatch, place, what, says
):
    monkeypatch.setattr(f"imggen.launch.asked.{place}", lambda folder: what)
    done = slurm("--gpus", "0")
    assert done.returncode == 2 and says in done.stderr, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "submitted").exists()


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("experiments/none.py", "There is no script experiments/none.py"),
        ("README.md", "README.md is no Python script"),
        ("imggen/cli.py", "imggen/cli.py can't be read as an experiment (KeyError"),
    ],
)
def test_a_script_must_be_an_experiment(slurm, script, says):
    done = slurm("--gpus", "0", script=script)
    assert done.returncode == 2 and says in done.stderr, done.stderr


def test_flags_of_the_experiment_are_read_before(slurm):
    done = slurm("--gpus", "0", "--", "--train.stepps", "5")
    assert done.returncode == 2 and "train.stepps" in done.stderr + done.stdout


def test_a_study_is_one_process(slurm):
    done = slurm("--gpus", "0", "--nodes", "2", script="experiments/three_seeds_mnist.py")
    assert done.returncode == 2 and "runs as one process" in done.stderr


def test_where_there_is_no_slurm(slurm, tmp_path):
    (tmp_path / "empty").mkdir()
    done = slurm(path=str(tmp_path / "empty"))
    assert done.returncode == 2 and "There is no sbatch on this machine" in done.stderr


def test_a_dry_run_prints_what_would_be_submitted(slurm, tmp_path):
    asked = ("--partition", "gpu", "--gpus", "2", "--nodes", "2", "--seeds", "0-1,4")
    done = slurm(*asked, "--dry-run", "--", "--train.steps", "10", "--run-dir", tmp_path / "a b")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "a b").exists() and not (tmp_path / "submitted").exists()
    subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)
    for line in ("--partition=gpu", "--array=0,1,4", "--nodes=2", "--ntasks-per-node=2",
                 "--gres=gpu:2", "--signal=USR1@90", "--requeue", "--time=04:00:00"):  # fmt: skip
        assert f"#SBATCH {line}\n" in done.stdout
    (command,) = [line for line in done.stdout.splitlines() if line.startswith("srun ")]
    assert f"{DCGAN} --train.steps 10 --train.seed $SLURM_ARRAY_TASK_ID" in command
    assert command.endswith(f"--run-dir '{tmp_path}/a b'/seed-$SLURM_ARRAY_TASK_ID")


def test_a_turn_may_have_no_end(slurm):
    done = slurm("--gpus", "0", "--partition", "free", "--time", "infinite", "--dry-run")
    assert "#SBATCH --time=infinite\n" in done.stdout, done.stderr


def test_what_is_submitted_waits_in_the_list_of_runs(slurm, run, tmp_path):
    done = slurm("--gpus", "0", "--seeds", "3")
    assert done.returncode == 0 and "job 17_3 in" in done.stdout, done.stderr
    assert "#SBATCH --time=01:00:00\n" in (tmp_path / "submitted").read_text()
    (tmp_path / "bin" / "squeue").write_text("#!/bin/sh\necho '17_3|PENDING|Resources'\n")
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    listed = run("imggen", "runs", tmp_path / "run", PATH=path).stdout
    assert "seed-3  queued" in listed and "job 17_3 Resources" in listed
    (tmp_path / "submitted").unlink()
    again = slurm("--gpus", "0", "--seeds", "2-3")
    assert again.returncode == 2 and "Job 17_3 is in the queue for" in again.stderr, again.stderr
    assert not (tmp_path / "submitted").exists()
    assert slurm("--gpus", "0", "--seeds", "2").returncode == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 5400), ("1:30", 90), ("1:00:00", 3600), ("1-0", 86400), ("1-2:30", 95400),
     ("1-00:00:10", 86410), ("infinite", float("inf"))],
)  # fmt: skip
def test_times_are_read_as_slurm_does(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "1:", "-1", "1:2:3:4", "1h", "1-"])
def test_other_times_are_refused(text):
    with pytest.raises(UserError, match="is no time"):
        seconds_of(text)


@pytest.mark.parametrize("name", copies())
def test_the_scripts_to_copy_are_those_that_are_submitted(name):
    """`python scripts/make_sbatch.py` writes them."""
    assert (REPOSITORY / FOLDER / name).read_text() == copies()[name]


@pytest.mark.parametrize("task", [1, 3, 999])
def test_all_experiments_are_a_task_each(task, tmp_path):
    (tmp_path / "srun").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    (tmp_path / "srun").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    environment |= {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_SUBMIT_DIR": str(REPOSITORY)}
    done = subprocess.run(["bash", REPOSITORY / FOLDER / "all-experiments.sbatch", "--no-publish"],
                          env=environment, capture_output=True, text=True)  # fmt: skip
    if task == 999:
        assert done.returncode == 2 and "name the tasks with --array" in done.stderr
    else:
        python, script, flag = (tmp_path / "asked").read_text().split()
        assert (python, flag) == ("python", "--no-publish")
        assert "\nexperiment = Experiment(" in (REPOSITORY / script).read_text()


def test_nothing_that_is_named_is_run_by_the_job(slurm, tmp_path):
    """Arguments of all kinds, in a script whose programs are played."""
    folder = tmp_path / "a 'b' \"c\" $(touch proof) `touch proof` 50%"
    done = slurm("--gpus", "0", "--seeds", "0", "--", "--run-dir", folder,
                 "--data.name", "x\ntouch proof\n#SBATCH --wrap=x")  # fmt: skip
    assert done.returncode == 0, done.stderr
    script = (tmp_path / "submitted").read_text()
    assert [line for line in script.splitlines() if "SBATCH --wrap" in line][1:] == [
        "#SBATCH --wrap=x' --train.seed $SLURM_ARRAY_TASK_ID --run-dir "
        + shlex.quote(str(folder)) + "/seed-$SLURM_ARRAY_TASK_ID"
    ]  # fmt: skip
    log = str(folder).replace('"', '\\"').replace("%", "%%")
    assert f'#SBATCH --output="{log}/seed-%a/slurm.log"\n' in script
    (tmp_path / "bin" / "srun").write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n')
    (tmp_path / "bin" / "srun").chmod(0o755)
    environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": "0"}
    ran = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True)
    assert ran.stdout.split("\0")[-2] == f"{folder}/seed-0", ran.stderr
    assert not list(tmp_path.rglob("proof")) and not (REPOSITORY / "proof").exists()


def test_a_refused_job_leaves_nothing(slurm, tmp_path):
    (tmp_path / "bin" / "sbatch").write_text(
        "#!/bin/sh\necho 'sbatch: error: no\377' >&2; exit 1\n"
    )
    done = slurm("--gpus", "0", "--seeds", "0-2")
    assert done.returncode == 2 and "SLURM refused (no" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_job_without_a_limit_is_never_too_short():
    _refuse_short(seconds_of("infinite"), 30, 90, "infinite")

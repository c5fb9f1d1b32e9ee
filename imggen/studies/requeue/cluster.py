"""A real SLURM on this machine: a controller and a daemon for each node, for tests and studies.

Its authentication lets any local user submit, so it listens on 127.0.0.1 alone and ends with them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

NEEDED = ("slurmctld", "slurmd", "sbatch", "srun", "scontrol", "sinfo", "squeue", "scancel")
SBIN = "/usr/sbin:/usr/local/sbin"

CONF = """
ClusterName=imggen-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
SlurmdParameters=config_overrides
GresTypes=gpu
JobRequeue=1
ReturnToService=2
KillWait=5
SlurmdTimeout=10
{nodes}
PartitionName=low Nodes=n1,n2 Default=YES DefaultTime=5 MaxTime=60 PriorityTier=1
PartitionName=shaky Nodes=n3 DefaultTime=5 MaxTime=60 PriorityTier=1
PartitionName=kind Nodes=n4 DefaultTime=5 MaxTime=60 PriorityTier=1 PreemptMode=REQUEUE GraceTime=5
PartitionName=high Nodes=n4 DefaultTime=5 PriorityTier=10 PreemptMode=OFF
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 RealMemory=2000 "
    "State=UNKNOWN"
)


def missing() -> str | None:
    """Why there can be no cluster here, None where there can."""
    path = f"{os.environ['PATH']}:{SBIN}"
    gone = [name for name in NEEDED if shutil.which(name, path=path) is None]
    if gone:
        return f"SLURM is not installed ({gone[0]} is missing): apt-get install slurm-wlm"
    return None if os.geteuid() == 0 else "a SLURM of one's own needs root"


def free_ports(n: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(n)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(happened: Callable[[], object], seconds: float, what: str) -> None:
    """Polls. Raises: TimeoutError that says what did not happen."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.3)


class Cluster:
    """A controller and four nodes, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = ["n1", "n2", "n3", "n4"]
        for part in ("state", "spool", "log"):
            (folder / part).mkdir(parents=True)
        host, ports = socket.gethostname(), free_ports(len(self.names) + 1)
        lines = [
            NODE.format(name=name, host=host, port=port)
            for name, port in zip(self.names, ports[1:], strict=True)
        ]
        conf = CONF.format(host=host, port=ports[0], folder=folder, nodes="\n".join(lines))
        (folder / "slurm.conf").write_text(conf)
        (folder / "gres.conf").write_text("")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SBATCH"))}
        self.environment = {
            **kept,
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{os.environ['PATH']}:{SBIN}",
        }
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Starts all daemons and waits until every node is idle."""
        self._daemon("slurmctld", "slurmctld", "-D")
        for name in self.names:
            self.start_node(name)
        wait_for(self._is_idle, 30, "an idle cluster")

    def _is_idle(self) -> bool:
        return set(self.ask("sinfo", "-h", "-o", "%t").split()) == {"idle"}

    def start_node(self, name: str) -> None:
        """Starts the daemon of one node."""
        self._daemon(name, "slurmd", "-D", "-N", name)

    def _daemon(self, name: str, *command: str) -> None:
        conf = self.environment["SLURM_CONF"]
        self.daemons[name] = subprocess.Popen(
            [*command, "-f", conf],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def lose_node(self, name: str) -> None:
        """As when the power goes: nothing of the node gets a chance to say a word."""
        for pid in self.processes(name):
            os.kill(pid, signal.SIGSTOP)  # nobody sees the others die
        # Children first: the end of a parent wakes its stopped children, and srun's would report.
        for pid in reversed(self.processes(name)):
            os.kill(pid, signal.SIGKILL)
        self.daemons.pop(name).wait()

    def processes(self, name: str) -> list[int]:
        """The daemon of a node, its jobs' processes and their step daemons."""
        found = {self.daemons[name].pid}
        marks = (f"SLURMD_NODENAME={name}", f"SLURM_CONF={self.environment['SLURM_CONF']}")
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended just now
                environ = (process / "environ").read_bytes().decode(errors="replace").split("\0")
                if not {*marks} <= {*environ}:
                    continue
                parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
                found.add(int(process.name))
                if (Path("/proc") / parent / "comm").read_text().strip() == "slurmstepd":
                    found.add(int(parent))
        return sorted(found)

    def ask(self, *command: str) -> str:
        """What a command of SLURM answers."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60
        )
        return done.stdout

    def states(self) -> dict[str, str]:
        """State of each job that the controller remembers: PENDING, RUNNING, COMPLETED, ..."""
        told = {}
        for line in self.ask("scontrol", "show", "jobs", "-o").splitlines():
            if "JobId=" not in line:
                continue  # no jobs in the system
            said = dict(word.partition("=")[::2] for word in line.split())
            number = said["JobId"]
            if "ArrayTaskId" in said:
                number = f"{said['ArrayJobId']}_{said['ArrayTaskId']}"
            told[number] = said["JobState"]
        return told

    def stop(self) -> None:
        """Ends all jobs and then the daemons."""
        self.ask("scancel", "-s", "KILL", "--full", "-u", "root")
        self.ask("scancel", "-u", "root")
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: not self.ask("squeue", "-h").strip(), 10, "an empty queue")
        for daemon in reversed(self.daemons.values()):
            daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons.values():
            try:
                daemon.wait(5)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

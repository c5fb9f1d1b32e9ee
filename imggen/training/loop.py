"""The only training loop.

Step t is a pure function of (weights, optimizer state, seed, t, world size): the batch indexes a
permutation seeded by (seed, epoch), and torch's generator is seeded by (seed, t, rank) before each
step. So a run that was killed anywhere and started again ends with the same bits.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from imggen.data.images import Images, normalise
from imggen.methods import Batch, Method, Spec
from imggen.runs.conditions import conditions_of, offered, refuse_other_classes
from imggen.runs.folder import RunDir
from imggen.system import compiler, distributed, processor
from imggen.system.device import device_name, prepare_torch, seed_torch
from imggen.system.errors import Interrupted, UserError
from imggen.system.files import Json
from imggen.system.seeds import derive_seed
from imggen.system.signals import StopSignals
from imggen.training import checkpoint
from imggen.training.config import TrainConfig, frame_steps
from imggen.training.ema import update_ema
from imggen.training.machine import machine, meet, other_machine, take_own
from imggen.training.order import ImageOrder
from imggen.training.progress import Progress
from imggen.training.writer import Writer

VERSION = 1
"""Of the loop's own arithmetic: order of images, noise, average, precision, clipping. Whoever
changes what a training ends with raises it: what was trained before becomes stale. (What is done
with denormal numbers is told in manifests and where a run goes on, instead.)
"""
SYNC_STEPS = 10
"""Losses and the time since the last checkpoint are looked at so often."""
Draw = Callable[[Method, int], None]


class Trainer:
    """A method, its images and everything that changes from one step to the next."""

    def __init__(
        self,
        build: Callable[[Spec], Method],
        images: Images,
        config: TrainConfig,
        run: RunDir,
        identity: Json,
        facts: Json | None = None,
    ) -> None:
        """`identity` is what a checkpoint must agree with: method, data, and the like.

        `facts` are kept beside it: what a manifest tells of the code and machine of the training.
        """
        config.check()
        self.config, self.run, self.identity = config, run, identity
        prepare_torch()
        self.world, self.device = meet(config, identity)
        self.facts: Json = {**(facts or {}), **machine(self.device, self.world)}
        torch.manual_seed(derive_seed("weights", config.seed))
        self.method = build(offered(images))
        refuse_other_classes(self.method.spec, images)
        # The averaged copy starts as the same weights; its optimizers are never used.
        self.ema = copy.deepcopy(self.method).eval().requires_grad_(False)
        for module in (self.method, self.ema):
            module.to(self.device, memory_format=torch.channels_last)
        self.pixels = images.pixels.to(self.device)
        self.conditions = conditions_of(images, self.method.spec)
        if self.conditions is not None:
            self.conditions = self.conditions.to(self.device)
        config.refuse_few(len(images))
        self.order = ImageOrder(len(images), config.batch_size, config.seed)
        self.step, self.wall_seconds = 0, 0.0
        self.finite = torch.ones((), dtype=torch.bool, device=self.device)
        self.window: dict[str, Tensor] = {}
        self.window_steps: dict[str, int] = {}
        self.parameters: dict[int, list[Tensor]] = {
            id(optimizer): [p for group in optimizer.param_groups for p in group["params"]]
            for optimizer in self.method.optimizers.values()
        }
        self.settle: Callable[[], None] = lambda: None  # waits until a checkpoint is copied

    def batch(self, step: int) -> Batch:
        """This rank's share of the images of step `step`."""
        share = self.config.batch_size // self.world.size
        index = self.order(step)[self.world.rank * share : (self.world.rank + 1) * share]
        index = index.to(self.device)
        x = normalise(self.pixels[index]).contiguous(memory_format=torch.channels_last)
        if self.conditions is None:
            return Batch(x)
        y = self.conditions[index]
        return Batch(x, normalise(y) if y.ndim == 4 else y)

    def minimize(self, loss: Tensor, optimizer: Optimizer, lr: float | None = None) -> None:
        """One step of `optimizer` on `loss`: moves that optimizer's parameters and no others."""
        parameters = self.parameters[id(optimizer)]
        for group in optimizer.param_groups if lr is not None else ():
            group["lr"] = lr
        with torch.autocast(self.device.type, enabled=False):
            optimizer.zero_grad(set_to_none=True)
            loss.backward(inputs=parameters)
            distributed.average_gradients(parameters, self.world)
            gradients = [p.grad for p in parameters if p.grad is not None]
            norm = nn.utils.get_total_norm(gradients)
            if self.config.clip_norm is not None:
                nn.utils.clip_grads_with_norm_(parameters, self.config.clip_norm, norm)
            self.finite &= loss.detach().isfinite() & norm.isfinite()
            self.settle()
            compiler.move(optimizer)
        # Autocast keeps bf16 copies of the weights: the next forward pass needs the new ones.
        torch.clear_autocast_cache()

    def advance(self) -> None:
        """Does step `self.step` and adds its statistics to the window."""
        seed_torch(derive_seed("noise", self.config.seed, self.step, self.world.rank), self.device)
        bf16 = self.config.precision == "bf16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16):
            stats = self.method.training_step(self.batch(self.step), self.step, self.minimize)
        self.step += 1
        self.settle()
        update_ema(self.ema, self.method, self.ema_decay())
        for name, value in stats.items():
            value = value.detach().float()
            self.window[name] = self.window[name] + value if name in self.window else value
            self.window_steps[name] = self.window_steps.get(name, 0) + 1

    def ema_decay(self) -> float:
        """Weight of the old average after the current step; 0 copies the weights."""
        images = self.step * self.config.batch_size
        halflife = min(self.config.ema_halflife_images, self.config.ema_rampup * images)
        return 0.5 ** (self.config.batch_size / halflife) if halflife > 0 else 0.0

    def state(self, by_rank: Sequence[Sequence[Tensor]] = ()) -> Json:
        """Everything that the next step depends on, and what it is the state of."""
        return {
            "step": self.step,
            "identity": self.identity,
            "facts": self.facts,
            "method": checkpoint.held(self.method),
            "ema": self.ema.state_dict(),
            "optimizers": {name: o.state_dict() for name, o in self.method.optimizers.items()},
            "window": dict(self.window),
            "window_steps": dict(self.window_steps),
            "wall_seconds": self.wall_seconds,
            "own": by_rank,
        }

    def resume(self) -> None:
        """Continues from the newest checkpoint of the run directory, if there is one.

        Raises: UserError when it belongs to other settings, and says which, or is further on.
        """
        state = distributed.from_main(
            lambda: checkpoint.read_latest(self.run.path, self.say, mend=True), self.world
        )
        if state is not None:
            checkpoint.refuse_other(state["identity"], self.identity, self.run.path)
            try:
                self.restore(state)
            except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
                reason = str(error).strip().split("\n")[0]
                raise UserError(
                    f"The checkpoint in {self.run.path} does not fit this method "
                    f"({type(error).__name__}: {reason}): choose another --run-dir."
                ) from error
            self.take_facts(state.get("facts", self.facts))
            if self.step > self.config.steps:
                raise UserError(
                    f"{self.run.path} has already been trained for {self.step} steps: ask for at "
                    f"least as many with --train.steps, or choose another --run-dir."
                )
        if self.world.is_main:
            self.run.rewind(self.step)

    def restore(self, state: Json) -> None:
        """Takes everything that `state` gave."""
        self.method.load_state_dict(state["method"])
        self.ema.load_state_dict(state["ema"])
        for name, optimizer in self.method.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.window = {k: v.to(self.device) for k, v in state["window"].items()}
        self.window_steps = dict(state["window_steps"])
        take_own(self.own(), state.get("own", ()), self.world)
        self.step, self.wall_seconds = int(state["step"]), float(state["wall_seconds"])

    def own(self) -> list[Tensor]:
        """What differs from rank to rank between two fixed steps: buffers, sums of statistics."""
        return [*self.method.buffers(), *self.window.values()]

    def take_facts(self, before: Json) -> None:
        """Where nothing is left to train, what was told of the training stays as it was."""
        if self.step == self.config.steps:
            self.facts = before
        elif changed := other_machine(before, self.facts):
            self.say(changed)

    def train(self, draw: Draw) -> int:
        """Trains up to `config.steps`; `draw(ema, step)` is called for each frame.

        Returns: the step at which it began.

        Raises: Interrupted after a stop signal; UserError for a loss that is not finite. Both leave
        a good checkpoint behind.
        """
        self.resume()
        self.announce()
        begun, writer = self.step, Writer(self.run.path, self.run.log)
        self.settle = writer.settle
        progress = Progress(self.config, self.step, self.world.is_main, self.run)
        try:
            with StopSignals().listening() as signals:
                self._loop(draw, writer, progress, signals)
            # It may have come after the loop's last look.
            if any(distributed.any_rank([signals.name is not None], self.world)):
                raise self.stopped(writer, signals)
            writer.wait()
        finally:
            progress.close()
            writer.close()
        return begun

    def _loop(self, draw: Draw, writer: Writer, progress: Progress, signals: StopSignals) -> None:
        started, frames = time.monotonic(), frame_steps(self.config)
        wall_before, saved = self.wall_seconds, started
        if self.step == 0 and 0 in frames and self.world.is_main:
            draw(self.ema, 0)
        while self.step < self.config.steps:
            self.advance()
            last = self.step == self.config.steps
            if self.step in frames and self.world.is_main:
                draw(self.ema, self.step)
            row = self.step % self.config.log_steps == 0 or last
            if row or self.step % SYNC_STEPS == 0:
                self.window = distributed.average(self.window, self.world)
            if row:
                self.wall_seconds = wall_before + time.monotonic() - started
                self.log(progress)
            [stop] = distributed.any_rank([signals.name is not None], self.world)
            if self.step % SYNC_STEPS and not last and not stop:
                continue
            # Batch-norm statistics drift apart between ranks. At fixed steps, not with checkpoints,
            # whose time is the clock's, nor where it ends: neither may change a bit.
            if self.step % SYNC_STEPS == 0:
                distributed.broadcast(self.method.buffers(), self.world)
            due = time.monotonic() - saved >= self.config.checkpoint_seconds
            due, broken = distributed.any_rank([due, not self.finite.item()], self.world)
            if broken:
                writer.close()  # nobody ends while rank 0 writes
                told = checkpoint.kept_before(self.step, self.config.precision, self.run.path)
                raise UserError(distributed.as_main_says(told, self.world))
            if (end := stop or last) or due:
                self.wall_seconds = wall_before + time.monotonic() - started
                own = distributed.of_all(self.own(), self.world) if end else ()
                if self.world.is_main:
                    writer.save(self.state(own), must=end, before=self.run.flush, still=end)
                saved = time.monotonic()
            if last:
                distributed.broadcast(self.method.buffers(), self.world)
            if stop:
                raise self.stopped(writer, signals)

    def stopped(self, writer: Writer, signals: StopSignals) -> Interrupted:
        """What all ranks tell after a stop signal, once rank 0's checkpoint is on the disk."""
        told = writer.stopped(signals.name or "another process", self.step)
        return Interrupted(distributed.as_main_says(told, self.world))

    def log(self, progress: Progress) -> None:
        """Means since the row before, to stats.jsonl and the progress bar.

        Each statistic is averaged over the steps that gave it.
        """
        if self.world.is_main:
            counts = self.window_steps
            means = {name: total.item() / counts[name] for name, total in self.window.items()}
            progress.row(self.step, means, self.wall_seconds)
        self.window, self.window_steps = {}, {}

    def announce(self) -> None:
        """One line that says what is trained on what."""
        begin = f"resuming at step {self.step}" if self.step else "starting"
        self.say(
            f"{begin} of {self.config.steps}, {len(self.pixels)} images "
            f"{tuple(self.method.spec.shape)}, {self.world.size} x {device_name(self.device)}, "
            f"{self.config.precision}"
        )
        on_cpu = self.device.type == "cpu"
        if on_cpu and self.config.precision == "bf16" and processor.emulates_bf16():
            self.say("this processor emulates bf16: --train.precision fp32 is faster")

    def say(self, line: str) -> None:
        """A line of the run's log, of which one of several processes is enough."""
        if self.world.is_main:
            self.run.log(line)

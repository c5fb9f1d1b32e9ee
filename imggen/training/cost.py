"""What a training step costs, counted while it is done."""

from __future__ import annotations

import contextlib
import random

import torch
from torch import Tensor
from torch.optim import Optimizer

from imggen.system import compiler
from imggen.system.device import seed_torch
from imggen.training.loop import Trainer

COUNTED_STEPS = 24
"""Steps that are counted, drawn at random over the training: not all of them need cost the same."""


def flops_per_image(trainer: Trainer) -> float:
    """FLOPs of a training step for each of its images: forward and backward passes, no update.

    A multiplication with addition counts as two. The weights stay as they are; running statistics
    move.
    """
    from torch.utils.flop_counter import FlopCounterMode  # imports Triton, a compiler

    last = trainer.config.steps
    dice = random.Random(0)
    steps = sorted(dice.sample(range(last), min(COUNTED_STEPS, last)))

    def backward_only(loss: Tensor, optimizer: Optimizer, lr: float | None = None) -> None:
        parameters = trainer.parameters[id(optimizer)]
        loss.backward(inputs=parameters)
        optimizer.zero_grad(set_to_none=True)

    total = 0
    with torch.random.fork_rng(devices=[]):
        for step in steps:
            seed_torch(step, trainer.device)
            counter = FlopCounterMode(display=False)
            counter.mod_tracker = _NoModules()  # type: ignore[assignment]
            with counter:
                compiler.leave_alone(type(counter.mode).__torch_dispatch__)  # type: ignore[union-attr]
                trainer.method.training_step(trainer.batch(step), step, backward_only)
            total += counter.get_total_flops()
    share = trainer.config.batch_size // trainer.world.size
    return total / (len(steps) * share)


class _NoModules(contextlib.nullcontext[None]):
    """In place of torch's record of which module is at work, of which we ask nothing.

    Its hooks can't bear `torch.autograd.grad` at a network's input: a gradient penalty.
    """

    parents = frozenset({"Global"})

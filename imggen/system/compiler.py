"""torch without its compiler, which takes two seconds to import and which nothing here uses.

Its optimizers and its counter of operations import it in order to be left alone by it. A function
that carries `__dynamo_disable` has been told so already: `torch._compile` looks for that. Where
another version of torch does this in another way, the compiler is imported and all else is alike.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer


def leave_alone(*functions: Callable[..., Any]) -> None:
    """Calls of these functions no longer import the compiler.

    It could trace into them, where somebody imports it later. Where it was imported before, nothing
    is changed.
    """
    if "torch._dynamo" in sys.modules:
        return
    for function in functions:
        plain = inspect.unwrap(function)
        plain.__dynamo_disable = plain  # type: ignore[attr-defined]


def leave_optimizers_alone() -> None:
    """What is called when optimizers are made, kept and taken up again."""
    leave_alone(
        Optimizer.add_param_group,
        Optimizer.zero_grad,
        Optimizer.state_dict,
        Optimizer.load_state_dict,
    )


def move(optimizer: Optimizer) -> None:
    """`optimizer.step()` without the wrapper that imports the compiler, unless it holds hooks."""
    if optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks:
        optimizer.step()
        return
    with torch.no_grad():
        inspect.unwrap(type(optimizer).step)(optimizer)

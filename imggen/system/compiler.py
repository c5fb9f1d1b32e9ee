"""torch without its compiler, which takes two seconds to import and which nothing here uses.

Its optimizers and its counter of operations import it in order to be left alone by it. A function
that carries `__dynamo_disable` has been told so already: `torch._compile` looks for that. Where
another version of torch does this in another way, the compiler is imported and all else is alike.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer


def leave_alone(*functions: Callable[..., Any]) -> None:
    """Marks functions of torch as those that its compiler must not touch, without asking it."""
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
    """`optimizer.step()` without its hooks, of which ours have none."""
    with torch.no_grad():
        inspect.unwrap(type(optimizer).step)(optimizer)

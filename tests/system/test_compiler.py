"""torch's compiler stays out, and what an optimizer does is the same without it."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from imggen.system import compiler


@pytest.mark.parametrize(
    "kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.SGD]
)
def test_moving_is_a_step(kind):
    """Of any optimizer that a paper uses, fused or not, with its state kept and taken up again."""
    torch.manual_seed(0)
    ours = nn.Linear(3, 2)
    theirs = copy.deepcopy(ours)
    x, (a, b) = torch.randn(8, 3), (kind(layer.parameters(), lr=0.1) for layer in (ours, theirs))
    for time in range(4):
        for layer, optimizer, step in ((ours, a, compiler.move), (theirs, b, kind.step)):
            optimizer.zero_grad(set_to_none=True)
            layer(x).square().sum().backward()
            step(optimizer)
        assert all(map(torch.equal, ours.parameters(), theirs.parameters()))
        if time == 1:
            a.load_state_dict(copy.deepcopy(b.state_dict()))
    assert torch.is_grad_enabled()


def test_a_wrapped_function_is_called_without_the_compiler():
    @torch._disable_dynamo
    def told(value):
        return value + 1

    plain = told.__wrapped__
    compiler.leave_alone(told)
    assert plain.__dynamo_disable is plain and told(1) == 2

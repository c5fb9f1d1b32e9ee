"""torch's compiler stays out, and what an optimizer does is the same without it."""

from __future__ import annotations

import copy
import sys

import pytest
import torch
from torch import nn

from imggen.system import compiler


@pytest.mark.parametrize("hooked", [False, True])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (torch.optim.Adam, {"fused": True}),
        (torch.optim.AdamW, {"fused": True}),
        (torch.optim.Adam, {}),
        (torch.optim.RMSprop, {}),
        (torch.optim.SGD, {"momentum": 0.9}),
    ],
)
def test_moving_is_a_step(kind, settings, hooked):
    """Of the optimizers that papers use, with their state kept and taken up again, and hooks."""
    torch.manual_seed(0)
    ours = nn.Linear(3, 2)
    theirs = copy.deepcopy(ours)
    x, (a, b) = (
        torch.randn(8, 3),
        (kind(layer.parameters(), lr=0.1, **settings) for layer in (ours, theirs)),
    )
    seen = []
    if hooked:
        a.register_step_post_hook(lambda *given: seen.append(1))
    for time in range(4):
        for layer, optimizer, step in ((ours, a, compiler.move), (theirs, b, kind.step)):
            optimizer.zero_grad(set_to_none=True)
            layer(x).square().sum().backward()
            step(optimizer)
        assert all(map(torch.equal, ours.parameters(), theirs.parameters()))
        if time == 1:
            a.load_state_dict(copy.deepcopy(b.state_dict()))
    assert torch.is_grad_enabled() and len(seen) == (4 if hooked else 0)


def test_a_wrapped_function_is_called_without_the_compiler(monkeypatch):
    @torch._disable_dynamo
    def told(value):
        return value + 1

    plain = told.__wrapped__
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)
    compiler.leave_alone(told)
    assert not hasattr(plain, "__dynamo_disable"), "it was imported before: all stays as it is"
    monkeypatch.delitem(sys.modules, "torch._dynamo")
    compiler.leave_alone(told)
    assert plain.__dynamo_disable is plain and told(1) == 2

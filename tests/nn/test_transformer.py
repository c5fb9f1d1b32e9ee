"""Patches, attention and blocks of the shared transformer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imggen.nn.transformer import (
    Attention,
    ModulatedBlock,
    Transformer,
    patchify,
    sine_positions,
    unpatchify,
)


def test_patches_are_cut_row_by_row_and_put_back():
    x = torch.arange(2 * 3 * 8 * 12.0).view(2, 3, 8, 12)
    tokens = patchify(x, 4)
    assert tokens.shape == (2, 6, 48)
    assert torch.equal(tokens[0, 1].view(3, 4, 4), x[0, :, :4, 4:8])
    assert torch.equal(unpatchify(tokens, 4, rows=2), x)


def test_attention_is_that_of_torch():
    torch.manual_seed(0)
    ours, theirs = Attention(8, 2), nn.MultiheadAttention(8, 2, batch_first=True)
    theirs.in_proj_weight, theirs.in_proj_bias = ours.qkv.weight, ours.qkv.bias
    theirs.out_proj = ours.out
    x = torch.randn(3, 5, 8)
    assert torch.allclose(ours(x), theirs(x, x, x)[0], atol=1e-6)


def test_a_causal_token_sees_no_later_one():
    torch.manual_seed(0)
    x = torch.randn(1, 6, 8, requires_grad=True)
    for causal in (True, False):
        out = Attention(8, 2, causal=causal)(x)
        (slope,) = torch.autograd.grad(out[0, 2].sum(), x)
        seen = slope[0].abs().sum(dim=1) > 0
        assert seen.tolist() == [True] * 3 + [not causal] * 3


def test_a_block_changes_nothing_while_its_gates_are_closed():
    block, x = ModulatedBlock(8, 2), torch.randn(2, 4, 8)
    assert torch.equal(block(x, torch.zeros(2, 48)), x)
    assert not torch.equal(block(x, torch.ones(2, 48)), x)


def test_every_token_knows_its_place():
    positions = sine_positions(3, 5, 16)
    assert positions.shape == (15, 16)
    assert torch.cdist(positions, positions).add(torch.eye(15)).min() > 0.1


def test_a_new_network_says_0_and_a_moved_patch_is_another_image():
    torch.manual_seed(0)
    network = Transformer((1, 8, 8), 4, 8, 1, 2, classes=3)
    x, t, y = torch.randn(2, 1, 8, 8), torch.rand(2, 1), torch.tensor([0, 3])
    assert network(x, t, y).abs().max() == 0
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    out = network(x, t, y)
    assert not torch.allclose(out.roll(4, dims=3), network(x.roll(4, dims=3), t, y), atol=1e-3)
    assert not torch.allclose(out[1:], network(x[1:], t[1:], torch.tensor([1])), atol=1e-3)


@pytest.mark.parametrize(
    ("sizes", "says"), [((3, 8, 1, 2), "patch is 3"), ((4, 6, 1, 2), "width is 6"),
                        ((4, 8, 1, 3), "width is 8"), ((4, 8, 0, 2), "depth is 0")]
)  # fmt: skip
def test_sizes_that_do_not_fit_are_refused(sizes, says):
    with pytest.raises(ValueError, match=says):
        Transformer((1, 8, 8), *sizes)

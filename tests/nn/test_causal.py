"""Causal convolutions: what each pixel sees, against masked kernels, and the walk that keeps it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from imggen.nn.causal import Above, GatedLayer, Left, Walk, gate

KINDS = [(3, 1, False), (3, 1, True), (5, 1, False), (7, 1, True), (3, 2, False), (3, 2, True)]
"""Kernel, dilation, and whether a pixel is hidden from itself."""


@pytest.mark.parametrize(("kernel", "dilation", "strict"), KINDS)
@pytest.mark.parametrize("kind", [Above, Left])
def test_a_layer_is_a_whole_kernel_masked_by_hand(kind, kernel, dilation, strict):
    torch.manual_seed(0)
    layer, half = kind(3, 4, kernel, dilation, strict=strict), kernel // 2
    taps = half + (not strict)
    whole = torch.zeros(4, 3, kernel, kernel)
    if kind is Above:
        whole[:, :, :taps] = layer.weight
    else:
        whole[:, :, half : half + 1, :taps] = layer.weight
    x = torch.randn(2, 3, 9, 8)
    expected = F.conv2d(x, whole, layer.bias, padding=dilation * half, dilation=dilation)
    assert layer(x).shape == (2, 4, 9, 8)
    assert torch.allclose(layer(x), expected, atol=1e-6)


def test_the_gate_is_that_of_the_paper_but_for_factors_of_the_weights():
    x = torch.randn(2, 6, 3, 3, dtype=torch.float64)
    a, b = x[:, :3], x[:, 3:]
    assert torch.allclose(gate(x), 2 * a.tanh() * (2 * b).sigmoid(), atol=1e-12)


def test_the_vertical_stack_speaks_before_the_gate_and_a_first_layer_has_no_short_cut():
    torch.manual_seed(0)
    v, h = torch.randn(2, 4, 5, 5), torch.randn(2, 4, 5, 5)
    for first in (False, True):
        layer = GatedLayer(4, 4, 3, first=first)
        above = layer.vertical(v)
        inside = layer.horizontal(h) + layer.link(above)
        expected = layer.out(gate(inside)) + (0 if first else h)
        new_v, new_h = layer(v, h)
        assert torch.allclose(new_v, gate(above)) and torch.allclose(new_h, expected, atol=1e-6)


def stack(*dilations: int) -> list[GatedLayer]:
    torch.manual_seed(0)
    more = [GatedLayer(4, 4, 3, dilation) for dilation in dilations]
    layers = [GatedLayer(2, 4, 5, first=True), *more]
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.normal_(parameter, std=0.4)
    return layers


@pytest.mark.parametrize("dilations", [(), (1, 1), (1, 2), (2, 3, 1)])
def test_a_walk_finds_the_features_of_a_whole_pass(dilations):
    layers = stack(*dilations)
    x = torch.randn(3, 2, 7, 6)
    v = h = x
    for layer in layers:
        v, h = layer(v, h)
    walk, found = Walk(layers, 3, 6), torch.zeros(3, 4, 7, 6)
    for i in range(7):
        walk.row(x[:, :, i - 1] if i else torch.zeros(3, 2, 6))
        for j in range(6):
            found[:, :, i, j] = walk.pixel(x[:, :, i, j - 1] if j else torch.zeros(3, 2))
    assert h.std() > 0.3
    assert torch.allclose(found, h, atol=1e-5)


def test_rows_may_be_passed_by_without_asking_for_their_pixels():
    layers, x = stack(1, 2), torch.randn(1, 2, 5, 4)
    asked, silent = Walk(layers, 1, 4), Walk(layers, 1, 4)
    for i in range(3):
        for walk in (asked, silent):
            walk.row(x[:, :, i])
        for j in range(4):
            asked.pixel(x[:, :, i, j])
    for walk in (asked, silent):
        walk.row(x[:, :, 3])
    assert torch.equal(asked.pixel(torch.zeros(1, 2)), silent.pixel(torch.zeros(1, 2)))

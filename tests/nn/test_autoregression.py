"""Tokens one after another: draws, the cache, and what no token may see."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from imggen.nn.autoregression import Cache, TokenTransformer, choose, shifted
from imggen.nn.transformer import Block


def network(**settings) -> TokenTransformer:
    torch.manual_seed(0)
    sizes = {"symbols": 5, "length": 7, "width": 8, "depth": 3, "heads": 2, **settings}
    return TokenTransformer(**sizes)


def test_a_draw_is_the_first_symbol_whose_cumulative_probability_exceeds_the_uniform():
    logits = torch.tensor([0.0, 0.2, 0.0, 0.5, 0.3, 0.0]).log().expand(7, -1)
    u = torch.tensor([0.0, 0.199, 0.2001, 0.699, 0.7001, 0.99999, 1 - 2**-24])
    assert choose(logits, u).tolist() == [1, 1, 3, 3, 4, 4, 4]


def test_equally_spaced_uniforms_draw_each_symbol_as_often_as_its_probability():
    torch.manual_seed(0)
    logits, n = torch.randn(9), 100_000
    u = (torch.arange(n) + 0.5) / n
    for temperature in (0.5, 1.0, 3.0):
        found = choose(logits.expand(n, -1), u, temperature).bincount(minlength=9) / n
        assert torch.allclose(found, (logits / temperature).softmax(0), atol=2e-5)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_a_temperature_of_0_or_below_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature is"):
        choose(torch.zeros(1, 2), torch.zeros(1), temperature)


def test_each_place_is_given_the_token_before_it():
    assert shifted(torch.tensor([[3, 1, 2]]), 9).tolist() == [[9, 3, 1]]


@torch.no_grad()
def test_one_token_at_a_time_says_what_a_pass_over_all_says():
    """Continuous tokens through blocks, and logits of symbols with labels."""
    torch.manual_seed(0)
    blocks = [Block(8, 2, causal=True) for _ in range(3)]
    x = torch.randn(4, 6, 8)
    cache = Cache(blocks, 6)
    one_by_one = torch.cat([cache(x[:, at : at + 1]) for at in range(6)], dim=1)
    assert torch.allclose(one_by_one, nn.Sequential(*blocks)(x), atol=1e-5)

    net, y = network(classes=3), torch.tensor([0, 1, 2, 3])
    given = shifted(torch.randint(5, (4, 7)), net.begin)
    cache = Cache(net.blocks, 7)
    one_by_one = torch.cat([net(given[:, at : at + 1], y, cache) for at in range(7)], dim=1)
    assert torch.allclose(one_by_one, net(given, y), atol=1e-5)
    assert not torch.allclose(net(given), net(given, y), atol=0.1), "labels matter"
    with pytest.raises(ValueError, match="room for 7 tokens"):
        net(given[:, :1], y, cache)


def test_a_block_that_sees_later_tokens_is_refused():
    with pytest.raises(ValueError, match="sees later tokens"):
        Cache([Block(8, 2)], 3)


def test_no_token_sees_itself_or_a_later_one():
    """By gradients with respect to the embedding of what each place was given."""
    net = network()
    tokens = torch.randint(5, (1, 7))
    embedded = net.token(shifted(tokens, net.begin)).detach().requires_grad_()
    net.token = nn.Identity()
    logits = net(embedded)
    for at in range(7):
        (slope,) = torch.autograd.grad(logits[0, at].square().sum(), embedded, retain_graph=True)
        # Place k was given token k - 1: up to place `at` only tokens before `at` are seen.
        assert (slope[0].abs().sum(dim=1) > 0).tolist() == [k <= at for k in range(7)]


@torch.no_grad()
def test_probabilities_of_all_sequences_sum_to_1():
    net = network(symbols=3, length=4)
    for parameter in net.parameters():
        parameter.mul_(2)
    every = torch.cartesian_prod(*[torch.arange(3)] * 4)
    p = net.log_prob(every).sum(dim=1).exp()
    assert p.sum().item() == pytest.approx(1.0, abs=1e-5)
    assert p.max() > 3 / 81, "far from uniform, or it says little"


@torch.no_grad()
def test_draws_are_as_frequent_as_their_probability_and_a_function_of_the_uniforms():
    net, n = network(symbols=3, length=2), 20_000
    u = torch.rand(n, 2, generator=torch.Generator().manual_seed(0))
    tokens = net.draw(u)
    assert torch.equal(tokens[50:90], net.draw(u[50:90]))
    found = (3 * tokens[:, 0] + tokens[:, 1]).bincount(minlength=9) / n
    every = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    assert torch.allclose(found, net.log_prob(every).sum(dim=1).exp(), atol=0.015)


@torch.no_grad()
def test_given_tokens_stay_and_the_others_follow_from_them():
    net = network()
    for parameter in net.parameters():
        parameter.mul_(3)  # or a token hardly depends on those before it
    u = torch.rand(6, 7, generator=torch.Generator().manual_seed(0))
    free, first = net.draw(u), torch.randint(5, (6, 3))
    kept = net.draw(u, first=first)
    assert torch.equal(kept[:, :3], first)
    assert torch.equal(net.draw(u, first=free[:, :3]), free)
    assert not torch.equal(kept[:, 3:], free[:, 3:])


@torch.no_grad()
def test_each_token_costs_one_pass_of_one_token():
    net, calls = network(classes=3), []
    net.register_forward_pre_hook(lambda _, given: calls.append(tuple(given[0].shape)))
    u, y = torch.rand(6, 7), torch.arange(6) % 3
    net.draw(u, y)
    assert calls == [(6, 1)] * 7
    calls.clear()
    guided = net.draw(u, y, guidance=3.0)
    assert calls == [(12, 1)] * 7
    assert torch.equal(net.draw(u, y, guidance=0.0), net.draw(u))
    assert not torch.equal(guided, net.draw(u, y))
    with pytest.raises(ValueError, match="without labels"):
        net.draw(u, guidance=2.0)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="width is 8, and must be a multiple of 3"):
        network(heads=3)
    with pytest.raises(ValueError, match="depth is 0"):
        network(depth=0)

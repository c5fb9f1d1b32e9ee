"""VQ-VAE: nearest codes, their averages, the slope through them, and the prior of texts."""

from __future__ import annotations

import dataclasses
import math
import warnings

import pytest
import torch
from cases import CASES, batch_for, digits, keep_no_frame, spec_of, trainer
from test_contract import plain_minimize, trained_on_digits
from torch.nn import functional as F

from imggen.data.images import normalise
from imggen.methods import Batch, Encodes, HasLikelihood, Reconstructs, Spec
from imggen.methods.vqvae import VQVAE, Config, Sampler
from imggen.nn.codebook import RECENT, CodeBook, perplexity, straight_through
from imggen.runs.cost import network_passes


def vqvae(shape=(1, 8, 8), **settings) -> VQVAE:
    torch.manual_seed(0)
    return VQVAE(dataclasses.replace(Config.tiny(), **settings), spec_of(shape))


def ignore(*_, **__) -> None:
    """In place of a step."""


def test_the_nearest_code_is_that_of_a_search_through_all():
    torch.manual_seed(0)
    book, z = CodeBook(33, 5, 0.99, 0.1), torch.randn(500, 5)
    book.sums.data *= torch.rand(33, 1) * 2  # of unlike lengths, or the largest product would do
    expected = [min(range(33), key=lambda k: (v - book.codes[k]).square().sum()) for v in z]
    assert book.nearest(z).tolist() == expected
    with torch.autocast("cpu", torch.bfloat16):
        assert book.nearest(z).tolist() == expected, "in full precision always"


def take_in(book: CodeBook, z: torch.Tensor, index: torch.Tensor, *, anew: bool = False) -> None:
    """A step of the averages, with gradients cut to a norm of 1 as in trainings of record."""
    book.opt.zero_grad()
    book.loss(z, index, anew=anew).backward()
    torch.nn.utils.clip_grad_norm_(book.parameters(), 1.0)
    book.opt.step()


def test_averages_take_in_a_batch_as_by_hand():
    book = CodeBook(2, 2, 0.9, restart_below=0.0)
    book.counts.data = torch.tensor([3.0, 1.0])
    book.sums.data = torch.tensor([[3.0, 6.0], [-2.0, 0.0]])
    z = torch.tensor([[2.0, 2.0], [4.0, 0.0], [-1.0, -1.0], [2.0, 4.0]])
    take_in(book, z, torch.tensor([0, 0, 1, 0]))
    # Two of four are an even use. N: .9·3 + .1·3/2 and .9·1 + .1·1/2;
    # m: .9·(3, 6) + .1·(8, 6)/2 and .9·(-2, 0) + .1·(-1, -1)/2.
    assert torch.allclose(book.counts, torch.tensor([2.85, 0.95]))
    assert torch.allclose(book.sums, torch.tensor([[3.1, 5.7], [-1.85, -0.05]]))
    assert torch.allclose(book.codes, torch.tensor([[3.1, 5.7], [-1.85, -0.05]]) /
                          torch.tensor([[2.85], [0.95]]))  # fmt: skip


def test_with_one_batch_for_ever_codes_become_the_means_of_those_that_chose_them():
    torch.manual_seed(0)
    book, z = CodeBook(3, 2, 0.5, 0.0), torch.randn(60, 2)
    index = torch.arange(60) % 3
    for _ in range(60):
        take_in(book, z, index)
    means = torch.stack([z[index == k].mean(dim=0) for k in range(3)])
    assert torch.allclose(book.codes, means, atol=1e-5)


def test_a_code_that_nobody_chooses_is_put_on_a_vector_and_others_stay():
    torch.manual_seed(0)
    book, z, index = CodeBook(3, 2, 0.99, 0.1), torch.randn(30, 2), torch.arange(30) % 2
    book.counts.data = torch.tensor([1.5, 1.5, 1.0])
    means = torch.stack([z[index == k].mean(dim=0) for k in (0, 1)])
    book.sums.data = torch.cat([1.5 * means, torch.tensor([[50.0, 50.0]])])
    # From an even use down to a tenth of it: .99^229 is .1001, .99^230 is .0991.
    for _ in range(230):
        take_in(book, z, index)
        assert torch.allclose(book.codes[2], torch.tensor(50.0), rtol=1e-3)
    take_in(book, z, index)
    assert torch.cdist(book.codes[2:], z).min() < 1e-3
    assert torch.allclose(book.codes[:2], means, atol=1e-4)
    assert book.counts[2].item() == pytest.approx(1.0, rel=1e-5)


def test_at_the_first_step_all_codes_lie_on_vectors():
    torch.manual_seed(0)
    book, z = CodeBook(40, 3, 0.99, 0.1), 5 + torch.randn(200, 3)
    take_in(book, z, book.nearest(z), anew=True)
    nearest = (book.codes[:, None] - z).norm(dim=2).min(dim=1)
    assert nearest.values.max() < 1e-4
    assert len(book.nearest(z).unique()) > 30


def test_the_slope_of_what_is_before_the_codes_is_that_of_what_is_behind():
    torch.manual_seed(0)
    book, z = CodeBook(8, 4, 0.99, 0.1), torch.randn(10, 4, requires_grad=True)
    z_q = book.codes[book.nearest(z)].requires_grad_()
    weight = torch.randn(4, 3)

    def loss(v):
        return (v @ weight).tanh().square().sum()

    through = straight_through(z, z_q.detach())
    assert torch.allclose(through, z_q, atol=1e-6)
    (before,) = torch.autograd.grad(loss(through), z)
    (behind,) = torch.autograd.grad(loss(z_q), z_q)
    assert torch.allclose(before, behind, atol=1e-6) and behind.abs().max() > 0.1


def test_the_loss_is_the_error_and_a_quarter_of_the_distance_to_the_codes():
    method, seen = vqvae(), []
    stats = method.training_step(batch_for(method), 0, lambda loss, *_, **__: seen.append(loss))
    x = batch_for(method).x
    other = vqvae()
    z = other.encoder(x).permute(0, 2, 3, 1)
    z_q = other.book.codes[other.book.nearest(z.reshape(-1, 4))].view_as(z)
    error = F.mse_loss(other.decoder(z_q.permute(0, 3, 1, 2)), x)
    assert stats["reconstruction"].item() == pytest.approx(error.item(), rel=1e-5)
    assert stats["commitment"].item() == pytest.approx(F.mse_loss(z, z_q).item(), rel=1e-5)
    assert seen[0].item() == pytest.approx((error + 0.25 * F.mse_loss(z, z_q)).item(), rel=1e-5)


def test_perplexity_and_codes_in_use():
    assert perplexity(torch.arange(8).repeat(5), 8).item() == pytest.approx(8.0)
    assert perplexity(torch.zeros(9, dtype=torch.int64), 8).item() == pytest.approx(1.0)
    book = CodeBook(8, 2, 0.99, 0.1)
    assert book.used(torch.tensor([1, 1, 5])) == 2
    for step in range(1, RECENT):
        assert book.used(torch.tensor([2])) == 3, step
    assert book.used(torch.tensor([2])) == 1, "too long ago"


def test_each_phase_moves_its_own_and_leaves_the_other(tmp_path):
    config = dataclasses.replace(Config.tiny(), first_stage_steps=12)
    t = trainer(tmp_path, CASES["vqvae"]._replace(config=config), steps=24, frames=0)
    first = [t.method.encoder, t.method.decoder]
    state = {"first": first, "second": [t.method.prior]}

    def kept(name):
        return [v.detach().clone() for part in state[name] for v in part.state_dict().values()]

    second, book = kept("second"), t.method.book.codes.clone()
    while t.step < 12:
        t.advance()
    assert all(map(torch.equal, second, kept("second")))
    assert not torch.equal(book, t.method.book.codes)
    before, book = kept("first"), t.method.book.codes.clone()
    t.train(keep_no_frame)
    assert all(map(torch.equal, before, kept("first")))
    assert torch.equal(book, t.method.book.codes)
    assert not all(map(torch.equal, second, kept("second")))


def test_the_priors_loss_is_that_of_the_texts_and_a_uniform_prior_pays_the_log_of_the_codes():
    method, batch = vqvae(), batch_for(vqvae())
    texts = method.texts(batch.x)
    assert texts.shape == (16, 4)
    torch.manual_seed(5)
    found = method.training_step(batch, 6, ignore)["prior"].item()
    torch.manual_seed(5)
    y = torch.where(torch.rand(16) < 0.1, 10, batch.y)
    expected = -method.prior.log_prob(texts, y).sum().item() / 64
    assert found == pytest.approx(expected, rel=1e-5)
    torch.nn.init.zeros_(method.prior.last.weight)
    torch.nn.init.zeros_(method.prior.last.bias)
    uniform = method.training_step(batch, 6, ignore)["prior"].item()
    assert uniform == pytest.approx(math.log(16), rel=1e-5)


def test_what_the_prior_learns_lies_between_nothing_and_the_entropy_of_single_codes():
    """Real digits: texts are learnt beyond how often each code occurs."""
    method = vqvae(first_stage_steps=60, width=16, lr=1e-2)
    images, losses = digits(), []
    for step in range(200):
        torch.manual_seed(step)
        index = torch.randint(len(images), (64,))
        batch = Batch(normalise(images.pixels[index]), images.labels[index])
        stats = method.training_step(batch, step, plain_minimize)
        if step >= 150:
            losses.append((stats["prior"].item(), stats["perplexity"].log().item()))
    prior, entropy = (sum(column) / len(losses) for column in zip(*losses, strict=True))
    assert 0 < prior < 0.9 * entropy, (prior, entropy)


def test_images_come_back_and_every_code_of_a_text_stands_for_a_place():
    method = vqvae(first_stage_steps=10_000)
    x = normalise(digits().pixels[:64])
    for step in range(200):
        torch.manual_seed(step)
        method.training_step(batch_for(method, 64)._replace(x=x), step, plain_minimize)
    assert isinstance(method, Reconstructs) and isinstance(method, Encodes)
    assert not isinstance(method, HasLikelihood)
    with torch.no_grad():
        error = (method.reconstruct(x) - x).square().mean()
        assert error < 0.4 * (x - x.mean(dim=0)).square().mean()
        assert torch.equal(method.encode(x), method.book.codes[method.texts(x)].view(64, -1))
        # A sample is a text, decoded: the text of the prior, given back by its uniforms.
        z, y = method.latents(9, torch.Generator().manual_seed(0)), torch.arange(9)
        drawn = method.sample(z, y)
        text = method.prior.draw(z, y)
        assert torch.equal(drawn, method.decode(method.book.codes[text]).clamp(-1, 1))
        assert drawn.abs().max() <= 1
        place = method.book.codes[text].unflatten(1, method.map)[4, 1, 0]
        assert torch.equal(place, method.book.codes[text[4, 2]])


def test_a_sample_costs_one_pass_of_the_prior_for_each_code():
    method = vqvae((3, 32, 32)).eval()
    assert network_passes(trained_on_digits(method)) == 64
    assert network_passes(trained_on_digits(method, Sampler(guidance=2.0))) == 128


def test_a_code_book_that_a_batch_cannot_fill_is_warned_of():
    method = vqvae(codes=65)
    with pytest.warns(UserWarning, match="65 codes, and a batch has 64 vectors"):
        method.training_step(batch_for(method), 0, ignore)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method.training_step(batch_for(method), 1, ignore)
        vqvae(codes=64).training_step(batch_for(method), 0, ignore)


def test_only_what_sampling_needs_is_published():
    method = vqvae()
    left_out = method.state_dict().keys() - method.published_state().keys()
    assert left_out == {"book.idle"}
    sizes = {"mnist": ((1, 28, 28), {}), "colour": ((3, 32, 32), {"codes": 256})}
    for shape, settings in sizes.values():
        published = VQVAE(Config(**settings), spec_of(shape)).published_state()
        assert sum(2 * value.numel() for value in published.values()) < 2.5e6


def test_what_it_cannot_serve_is_refused():
    with pytest.raises(ValueError, match="multiples of 4, and these are 10x8"):
        VQVAE(Config.tiny(), Spec((1, 8, 10), classes=10))
    for settings, said in (
        ({"decay": 1.0}, "decay is 1"),
        ({"decay": 0.0}, "decay is 0"),
        ({"restart_below": 0.0}, "restart_below is 0"),
        ({"label_dropout": 1.0}, "label_dropout is 1"),
    ):
        with pytest.raises(ValueError, match=said):
            vqvae(**settings)
    with pytest.raises(ValueError, match="commitment is -1"):
        vqvae(commitment=-1.0)
    with pytest.raises(ValueError, match="no step to the prior"):
        vqvae(lr_steps=6)
    method = vqvae()
    with pytest.raises(ValueError, match="temperature is -1"):
        method.sample(method.latents(2, torch.Generator()), torch.zeros(2, dtype=torch.int64),
                      Sampler(temperature=-1.0))  # fmt: skip

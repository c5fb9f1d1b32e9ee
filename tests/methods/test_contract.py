"""The contract that every paper keeps; papers are discovered, stand-ins show what it carries."""

from __future__ import annotations

import dataclasses
import inspect
import math
import sys

import pytest
import torch
from cases import (
    CASES,
    PAPERS,
    STAND_INS,
    batch_for,
    conditions_for,
    digits,
    keep_no_frame,
    spec_of,
    trained_on_digits,
    trainer,
)

from imggen.methods import (
    Completes,
    Encodes,
    HasLikelihood,
    HasSurprisals,
    Method,
    Reconstructs,
    Spec,
)
from imggen.runs.conditions import refuse_other_classes
from imggen.runs.cost import sampling_cost
from imggen.runs.folder import RunDir
from imggen.runs.sampling import Trained, draw, generate
from imggen.runs.weights import halved
from imggen.system.errors import UserError
from imggen.training.cost import flops_per_image

GREY_ONLY = {"pixelcnn"}
"""Papers that refuse colours."""


def plain_minimize(loss, optimizer, lr=None):
    for group in optimizer.param_groups if lr is not None else ():
        group["lr"] = lr
    optimizer.zero_grad()
    loss.backward(inputs=[p for group in optimizer.param_groups for p in group["params"]])
    optimizer.step()


@pytest.mark.parametrize("name", PAPERS)
class TestPaper:
    def test_docstring_names_paper_objective_and_departures(self, name):
        doc = PAPERS[name].module.__doc__ or ""
        assert "arxiv.org/abs/" in doc
        assert "$$" in doc
        assert "## Departures from the paper" in doc

    def test_every_setting_says_what_it_is(self, name):
        module = PAPERS[name].module
        for kind in (module.Config, getattr(module, "Sampler", module.Config)):
            assert dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen
            source = inspect.getsource(kind)
            for field in dataclasses.fields(kind):
                after = source.split(f"    {field.name}:", 1)[1].split("\n", 2)[1]
                assert after.strip().startswith('"""'), field.name

    @pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (1, 32, 32)])
    def test_samples_have_the_images_shape_and_range(self, name, shape):
        if name in GREY_ONLY and shape[0] > 1:
            with pytest.raises(ValueError, match="channels"):
                PAPERS[name].build(spec_of(shape))
            return
        method = PAPERS[name].build(spec_of(shape)).eval()
        z = method.latents(5, torch.Generator().manual_seed(0))
        x = method.sample(z, conditions_for(method, 5), few_steps(method))
        assert x.shape == (5, *shape)
        assert x.min() >= -1 and x.max() <= 1

    def test_images_that_are_not_square_are_drawn_or_refused(self, name):
        try:
            method = PAPERS[name].build(spec_of((1, 8, 12))).eval()
        except ValueError:
            return
        z = method.latents(2, torch.Generator().manual_seed(0))
        drawn = method.sample(z, conditions_for(method, 2), few_steps(method))
        assert drawn.shape == (2, 1, 8, 12)

    def test_a_senseless_setting_is_refused(self, name):
        """Whole numbers count things: units, dimensions, steps."""
        case = PAPERS[name]
        for field in dataclasses.fields(case.config):
            if "int" not in str(field.type):
                continue
            is_tuple = isinstance(getattr(case.config, field.name), tuple)
            for value in (0, -1):
                wrong = {field.name: (value,) if is_tuple else value}
                with pytest.raises(ValueError, match=f"{field.name} is {value}"):
                    case.kind(dataclasses.replace(case.config, **wrong), spec_of())

    def test_one_image_is_learnt(self, name, tmp_path):
        """All images are the same one: samples come nearer to it, most papers' soon.

        Rates four times as high, up to 0.01, spare steps.
        """
        config, images = PAPERS[name].config, digits()
        given = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
        own = {k: v for k, v in given.items() if k.startswith("lr") and isinstance(v, float)}
        rates = {k: max(v, min(4 * v, 0.01)) for k, v in own.items()}
        case = PAPERS[name]._replace(config=dataclasses.replace(config, **rates))
        index = torch.zeros(len(images), dtype=torch.int64)
        pixels = images.pixels[index]
        alike = dataclasses.replace(images, pixels=pixels, sources=255 - pixels)

        def error(method: Method) -> float:
            trained = quickly(method, 10)
            shown = dataclasses.replace(trained, sources=alike.sources)
            made = generate(shown, 32, seed=0)[0].float() / 255
            return (made - pixels[:32].float() / 255).square().mean().item()

        errors = [error(case.build(spec_of()).eval())]
        for steps in (25, 50, 100, 200):
            settings = {"steps": steps, "frames": 0, "ema_rampup": 0.0}
            t = trainer(tmp_path, case, alike, **settings)
            t.train(keep_no_frame)
            errors.append(error(t.ema))
            if errors[-1] < 0.7 * errors[0]:
                return
        raise AssertionError(errors)


@pytest.mark.parametrize("name", CASES)
class TestContract:
    def test_latents_depend_on_their_generator_alone(self, name):
        method = CASES[name].build(spec_of())
        torch.manual_seed(1)
        a = method.latents(4, torch.Generator().manual_seed(3))
        torch.manual_seed(2)
        assert len(a) == 4
        assert torch.equal(a, method.latents(4, torch.Generator().manual_seed(3)))

    def test_each_loss_moves_its_own_parameters_alone_and_statistics_are_all_drawn(self, name):
        method = CASES[name].build(spec_of())
        parameters = {id(p): p for p in method.parameters()}
        owner = {
            id(p): optimizer
            for optimizer in method.optimizers.values()
            for group in optimizer.param_groups
            for p in group["params"]
        }
        assert owner.keys() <= parameters.keys()
        assert not (method.spec.classes and method.spec.source), "one condition"
        moved, seen = set(), set()

        def minimize(loss, optimizer, lr=None):
            before = {key: p.detach().clone() for key, p in parameters.items()}
            plain_minimize(loss, optimizer, lr)
            now = {key for key, p in parameters.items() if not torch.equal(before[key], p)}
            assert now and all(owner.get(key) is optimizer for key in now)
            moved.update(now)

        for step in range(12):
            stats = method.training_step(batch_for(method), step, minimize)
            assert all(value.ndim == 0 and value.isfinite() for value in stats.values())
            seen |= stats.keys()
        assert moved == owner.keys(), "a parameter that has an optimizer never moved"
        assert seen == {stat for stats in method.panels.values() for stat in stats}

    def test_published_state_is_enough_to_sample_and_fits_half_precision(self, name):
        method, other = a_little_trained(name), CASES[name].build(spec_of()).eval()
        for parameter in other.parameters():
            torch.nn.init.normal_(parameter)
        weights = halved(method.published_state())
        assert not any(w.dtype == torch.float32 for w in weights.values())
        for one in (method, other):
            assert not one.load_state_dict(weights, strict=False).unexpected_keys
        a, b = (generate(quickly(one), 12, seed=0)[0] for one in (method, other))
        assert torch.equal(a, b)

    def test_samples_do_not_depend_on_the_global_generator(self, name):
        trained = quickly(a_little_trained(name))
        torch.manual_seed(1)
        first = generate(trained, 8, seed=3)[0]
        torch.manual_seed(2)
        state = torch.get_rng_state()
        assert torch.equal(first, generate(trained, 8, seed=3)[0])
        assert torch.equal(state, torch.get_rng_state()), "and leave it alone"
        assert not torch.equal(first, generate(trained, 8, seed=4)[0])

    def test_abilities_give_what_they_promise(self, name):
        method = CASES[name].build(spec_of()).eval()
        x = batch_for(method).x
        with torch.inference_mode():
            if isinstance(method, Reconstructs):
                assert method.reconstruct(x).shape == x.shape
            if isinstance(method, Encodes):
                assert method.encode(x).ndim == 2 and len(method.encode(x)) == len(x)
            if isinstance(method, HasLikelihood):
                found = method.likelihood(x, torch.Generator().manual_seed(0))
                assert all(values.shape == (len(x),) for values in found.values())
                assert method.likelihood_note
            if isinstance(method, HasSurprisals):
                binary = x.sign()
                (nats,) = method.likelihood(binary, torch.Generator().manual_seed(0)).values()
                parts = method.surprisals(binary)
                assert parts.ndim == 3 and (parts >= 0).all()
                torch.testing.assert_close(parts.sum(dim=(1, 2)), nats)
                assert torch.equal(method.surprisals(0.3 * binary), parts)
            if isinstance(method, Completes):
                z = method.latents(len(x), torch.Generator().manual_seed(0))
                made = method.complete(x, 4, z, conditions_for(method, len(x)))
                assert made.shape == x.shape and made.abs().max() <= 1
                again = method.complete(x, 4, z.flip(0), conditions_for(method, len(x)))
                assert torch.equal(made[:, :, :4], again[:, :, :4])
                assert not torch.equal(made, again)

    @pytest.mark.parametrize("precision", ["fp32", "bf16"])
    def test_stopping_and_resuming_changes_no_bit(self, name, precision, tmp_path):
        parts = (7, 12) if precision == "fp32" else (3, 5)  # an epoch has 10 steps
        asked = {"precision": precision, "batch_size": 36}
        whole = trainer(tmp_path / "whole", CASES[name], steps=parts[-1], **asked)
        whole.train(keep_no_frame)
        for steps in parts:
            part = trainer(tmp_path / "parts", CASES[name], steps=steps, **asked)
            part.train(keep_no_frame)
        for a, b in ((whole.method, part.method), (whole.ema, part.ema)):
            ours, theirs = a.state_dict(), b.state_dict()
            assert ours.keys() == theirs.keys()
            assert all(torch.equal(ours[key], theirs[key]) for key in ours)

    def test_cost_is_counted(self, name, tmp_path):
        t = trainer(tmp_path, CASES[name])
        assert flops_per_image(t) > 0
        found = sampling_cost(quickly(t.ema))
        assert found["flops_per_image"] > 0 and found["ms_per_image"] > 0
        assert found["network_passes"] >= 1


def a_little_trained(name: str) -> Method:
    """A method whose last layer may have started at 0, after a few steps."""
    method = CASES[name].build(spec_of())
    for step in range(12):
        method.training_step(batch_for(method), step, plain_minimize)
    return method.eval()


def few_steps(method: Method, steps: int = 2) -> object | None:
    """So few of a solver's many steps: what it does with all of them is tested where it is."""
    kind = getattr(sys.modules[type(method).__module__], "Sampler", None)
    return kind(steps=steps) if kind is not None and getattr(kind, "steps", 0) > steps else None


def quickly(method: Method, steps: int = 2) -> Trained:
    """As if it had seen the digits, and sampled in few steps."""
    return trained_on_digits(method, few_steps(method, steps))


def conditional(kind: str) -> list[str]:
    specs = {name: case.build(spec_of()).spec for name, case in CASES.items()}
    return [name for name, spec in specs.items() if (spec.classes if kind == "labels" else
                                                     spec.source)]  # fmt: skip


@pytest.mark.parametrize("name", conditional("labels"))
class TestLabels:
    def test_labels_decide_what_is_drawn(self, name):
        method = a_little_trained(name)
        z = method.latents(6, torch.Generator().manual_seed(0))
        a, b = (method.sample(z, torch.full((6,), y), few_steps(method)) for y in (0, 1))
        assert not torch.equal(a, b)

    def test_labels_of_samples_are_drawn_like_the_training_labels(self, name):
        method = CASES[name].build(spec_of()).eval()
        _, y = generate(Trained(method, few_steps(method), (0, 300, 100) + (0,) * 7), 400, seed=0)
        counts = torch.bincount(y, minlength=10)
        assert counts[1] + counts[2] == 400
        assert counts[1].item() == pytest.approx(300, abs=30)

    def test_data_without_labels_or_with_others_are_refused(self, name, tmp_path):
        with pytest.raises(ValueError, match="label"):
            CASES[name].build(Spec((1, 8, 8)))
        method = CASES[name].build(Spec((1, 8, 8), classes=7))
        with pytest.raises(UserError, match=r"knows 7 classes, but digits:test has 10"):
            refuse_other_classes(method.spec, digits())

    def test_a_label_that_does_not_exist_is_refused(self, name):
        trained = quickly(CASES[name].build(spec_of()).eval())
        for label in (-1, 10):
            with pytest.raises(UserError, match="labels go from 0 to 9"):
                generate(trained, 3, seed=0, label=label)
        assert generate(trained, 3, seed=0, label=7)[1].tolist() == [7, 7, 7]


def test_a_label_for_an_unconditional_method_is_refused():
    trained = trained_on_digits(CASES["dcgan"].build(spec_of()).eval())
    with pytest.raises(UserError, match="knows no labels"):
        generate(trained, 3, seed=0, label=1)


@pytest.mark.parametrize("name", conditional("source"))
def test_images_to_start_from_decide_what_is_drawn(name):
    method = CASES[name].build(spec_of()).eval()
    trained = trained_on_digits(method)
    z = method.latents(4, torch.Generator().manual_seed(0))
    y = conditions_for(method, 4)
    assert not torch.equal(draw(trained, z, y), draw(trained, z, y.flip(0)))
    with pytest.raises(UserError, match="none are at hand"):
        generate(Trained(method), 4, seed=0)
    with pytest.raises(UserError, match="an image to start from is missing"):
        draw(trained, z)
    with pytest.raises(UserError, match="4 latents and 3 conditions"):
        draw(trained, z, y[:3])


def test_statistics_are_averaged_over_the_steps_that_gave_them(tmp_path):
    t = trainer(tmp_path, STAND_INS["Critic"], steps=20, log_steps=10)
    seen: dict[str, list[float]] = {"loss_D": [], "loss_G": []}
    step = t.method.training_step

    def spy(batch, at, minimize):
        stats = step(batch, at, minimize)
        for name, value in stats.items():
            seen[name].append(value.item())
        return stats

    t.method.training_step = spy
    t.train(keep_no_frame)
    rows = RunDir(tmp_path).read_stats()
    assert len(seen["loss_D"]) == 20 and len(seen["loss_G"]) == 4
    for row, every, rare in ((rows[0], slice(0, 10), slice(0, 2)),
                             (rows[1], slice(10, 20), slice(2, 4))):  # fmt: skip
        for name, part in (("loss_D", every), ("loss_G", rare)):
            values = seen[name][part]
            assert row[name] == pytest.approx(sum(values) / len(values), rel=1e-5)


def test_what_a_phase_does_not_train_stays(tmp_path):
    t = trainer(tmp_path, STAND_INS["TwoPhases"], steps=20)
    prior = [p.detach().clone() for p in t.method.prior.parameters()]
    while t.step < 10:
        t.advance()
    assert all(map(torch.equal, prior, t.method.prior.parameters()))
    first = [p.detach().clone() for p in t.method.encoder.parameters()]
    while t.step < 20:
        t.advance()
    assert all(map(torch.equal, first, t.method.encoder.parameters()))
    assert not all(map(torch.equal, prior, t.method.prior.parameters()))
    assert math.isfinite(t.window["code"].item()) and t.window_steps["code"] == 10

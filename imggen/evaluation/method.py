"""The numbers that stand beside a published experiment."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from imggen.data.images import Images, normalise
from imggen.evaluation.catalogue import Entries, Entry, mean_entry
from imggen.evaluation.evaluate import Result, evaluate, gather
from imggen.methods import HasLikelihood
from imggen.runs.conditions import refuse_other_test
from imggen.runs.sampling import SEED, Trained, generated
from imggen.system.seeds import derive_seed


class Scores(Result):
    """metrics.json of a published experiment."""

    slug: str


def score(
    slug: str, trained: Trained, train: Images, test: Images, log: Callable[[str], None]
) -> Scores:
    """metrics.json of a trained method: as many samples as test images, against the test split.

    Of a conditional method classifiers are taught as well; one with a likelihood is also asked for
    that of the test images.

    Raises: UserError for a test split of other classes or shapes.
    """
    refuse_other_test(trained.method.spec, train, test)
    log(f"scoring {len(test)} samples of seed {SEED} against {test.name}:{test.split}")
    fake = generated(trained, len(test), SEED, slug, test.classes)
    teach = fake.labels is not None
    metrics = evaluate(gather(test, fake, train, utility=teach), utility=teach)
    if isinstance(trained.method, HasLikelihood):
        log("estimating likelihoods")
        metrics["metrics"].update(likelihood(trained.method, test))
    return {"slug": slug, **metrics}


@torch.inference_mode()
def likelihood(method: HasLikelihood, test: Images) -> Entries:
    """Entries of metrics.json: means over images, with intervals of 1.96 standard errors."""
    generator = torch.Generator().manual_seed(derive_seed("likelihood", SEED))
    found = method.likelihood(normalise(test.pixels), generator)
    note = f"{len(test)} test images; {method.likelihood_note}"
    return {name: mean(name, values, note) for name, values in found.items()}


def mean(name: str, values: torch.Tensor, note: str) -> Entry:
    """Mean of values (N,) with its interval, as one entry of metrics.json."""
    array = values.double().numpy()
    value, error = float(np.mean(array)), float(np.std(array, ddof=1) / math.sqrt(len(array)))
    return mean_entry(name, value, (value - 1.96 * error, value + 1.96 * error), note)

"""The numbers that stand beside a published experiment."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from imggen.data.images import Images, normalise
from imggen.evaluation.evaluate import evaluate
from imggen.nn.blocks import to_unit
from imggen.runs.sampling import generate
from imggen.system.seeds import derive_seed

SEED = 0
LIKELIHOOD_SAMPLES = 1000
"""Importance samples per image. More would lower the estimate a little (arXiv:1509.00519)."""
IMAGES, DRAWS = 50, 20
"""Decoded at a time: 1,000 images of 784 pixels stay in the processor's cache."""


def score(
    slug: str, method: Any, train: Images, test: Images, log: Callable[[str], None]
) -> dict[str, Any]:
    """metrics.json of a trained method: as many samples as test images, against the test split.

    A method with a likelihood also gets its negative log-likelihood on binarised test images.
    """
    log(f"scoring {len(test)} samples of seed {SEED} against {test.name}:{test.split}")
    fake = Images(slug, f"samples, seed {SEED}", generate(method, len(test), SEED), None)
    metrics = evaluate(test, fake, train)
    if hasattr(method, "log_likelihood"):
        log(f"estimating log-likelihoods with {LIKELIHOOD_SAMPLES} importance samples an image")
        metrics["metrics"].update(likelihood(method, test))
    return {"slug": slug, **metrics}


@torch.inference_mode()
def likelihood(method: Any, test: Images, n_importance: int = LIKELIHOOD_SAMPLES) -> dict[str, Any]:
    """Negative log-likelihood and negative ELBO, in nats per image, with 95 % intervals.

    Grey levels are drawn to 0 or 1 once, with a fixed seed. The interval is that of a mean over
    images, 1.96 standard errors; the importance estimate overstates the negative log-likelihood
    on average (arXiv:1509.00519v4, Theorem 1).
    """
    generator = torch.Generator().manual_seed(derive_seed("likelihood", SEED))
    x = torch.bernoulli(to_unit(normalise(test.pixels)).flatten(1), generator=generator)
    bound = torch.cat([method.elbo(part, generator) for part in x.split(1000)])
    exact = torch.cat(
        [method.log_likelihood(p, generator, n_importance, DRAWS) for p in x.split(IMAGES)]
    )
    note = f"{len(x)} test images binarised once, seed {SEED}"
    sampled = f"{note}; {n_importance} importance samples an image"
    return {
        "nll_nats": mean_entry(-exact, "nats per image", sampled),
        "elbo_nats": mean_entry(
            -bound, "nats per image", f"{note}; one latent an image; an upper bound of nll_nats"
        ),
        "bits_per_dim": mean_entry(
            -exact / (x.shape[1] * math.log(2)), "bits per binary pixel", sampled
        ),
    }


def mean_entry(values: torch.Tensor, unit: str, note: str) -> dict[str, Any]:
    """Mean of values (N,) with its interval, as one entry of metrics.json; lower is better."""
    array = values.double().numpy()
    mean, error = float(np.mean(array)), float(np.std(array, ddof=1) / math.sqrt(len(array)))
    return {
        "value": mean,
        "interval": [mean - 1.96 * error, mean + 1.96 * error],
        "floor": None,
        "better": "lower",
        "sees": "likelihood",
        "unit": unit,
        "note": note,
    }

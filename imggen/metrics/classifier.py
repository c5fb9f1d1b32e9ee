r"""Classifier score: are images recognised (coherence), and are all classes there (variety)?

$$
\exp\Big(\mathbb{E}_x\, D_\text{KL}\big(p(y \mid x) \,\|\, p(y)\big)\Big), \qquad
p(y) = \mathbb{E}_x\, p(y \mid x)
$$

The Inception Score of Salimans et al. 2016, arXiv:1606.03498, section 4, with the classifier as an
argument: between 1 and the number of classes. It never looks at real images, does not see variety
inside a class, and means nothing for images that the classifier was not trained on (Barratt and
Sharma 2018, arXiv:1801.01973).
"""

from __future__ import annotations

import numpy as np

from imggen.metrics.arrays import Array, check_one
from imggen.metrics.certainty.estimate import Estimate


def divergences(logits: Array) -> Array:
    """KL(p(y | x) || p(y)) per sample, in nats: logits (n, classes) -> (n,)."""
    logits = check_one(logits, "generated", least=1).astype(np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    return (p * (log_p - np.log(p.mean(axis=0)))).sum(axis=1)


def classifier_score(logits: Array) -> float:
    """The score of logits (n, classes), in one split: splitting biases it downwards.

    Raises: ValueError without samples, for NaN, or another shape.
    """
    return estimate(logits).value


def estimate(logits: Array) -> Estimate:
    """`classifier_score` with each sample's influence.

    The derivative through p(y) is zero, so it is score · (KL of the sample - mean KL).
    """
    values = divergences(logits)
    score = float(np.exp(values.mean()))
    return Estimate(score, None, score * (values - values.mean()))

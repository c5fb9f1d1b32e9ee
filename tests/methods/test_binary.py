"""Binary likelihoods: what they refuse."""

from __future__ import annotations

import pytest
import torch
from cases import PAPERS, spec_of

GENERATOR = torch.Generator().manual_seed(0)


def test_grey_levels_have_no_likelihood_of_binary_pixels():
    """For each paper that knows one."""
    grey = torch.full((2, 1, 8, 8), 0.4)
    ways = {
        "vae": lambda method, x: (method.elbo(x.flatten(1), GENERATOR),
                                  method.log_likelihood(x.flatten(1), GENERATOR, 2, 2)),
        "iwae": lambda method, x: method.log_likelihood(x.flatten(1), GENERATOR, 2, 2),
        "igpt": lambda method, x: method.log_likelihood(x),
        "pixelcnn": lambda method, x: method.log_likelihood(x),
    }  # fmt: skip
    for name, ask in ways.items():
        method = PAPERS[name].build(spec_of())
        ask(method, grey.round())
        with pytest.raises(ValueError, match="black or white, 0 or 1"):
            ask(method, grey)

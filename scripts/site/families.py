"""The family of each method, by which the table of results is coloured and filtered."""

from __future__ import annotations

FAMILIES = {
    "GAN": ("gan", "dcgan", "cgan", "infogan", "wgan", "wgan_gp", "sngan", "r1", "r3gan",
            "diffaugment"),
    "VAE": ("vae",),
    "autoregressive": ("pixelcnn",),
    "flow": ("flow_matching",),
    "diffusion": ("ddpm", "edm", "dit", "latent_diffusion"),
    "one-step": ("shortcut", "mean_flow", "consistency", "drifting"),
}  # fmt: skip
"""Modules of imggen/methods by family, in the order of the legend. Others are of OTHER."""

OTHER = "other"
NAMES = (*FAMILIES, OTHER)


def family(method: str) -> str:
    """The family of a manifest's method: imggen.methods.dcgan:DCGAN is a GAN."""
    module = method.partition(":")[0].rpartition(".")[2]
    return next((name for name, modules in FAMILIES.items() if module in modules), OTHER)


def css(name: str) -> str:
    """The colour of a family; docs/stylesheets/results.css says which."""
    return f"var(--family-{NAMES.index(name) + 1})"

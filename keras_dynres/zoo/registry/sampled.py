"""The networks of the paper on sampling and interpolation, and small ones.

Those of the paper for detection and segmentation are no classifiers and not here.
"""

from collections.abc import Mapping
from typing import Any

from keras_dynres.zoo.registry.entry import Entry, entry

REFERENCE = (
    "Xie et al., Spatially Adaptive Inference with Stochastic Feature Sampling and "
    "Interpolation, ECCV 2020, https://arxiv.org/abs/2003.08866"
)
_RESNET34 = ("imagenet", "resnet", {"depth": 34})
# Not in the paper: small enough for two cores.
_RESNET14 = ("imagenette", "resnet", {"depth": 14, "channels": (32, 96, 160)})


def _plain(
    name: str,
    dataset: str,
    architecture: str,
    kwargs: Mapping,
    paper: Mapping | None = None,
) -> Entry:
    name = f"{name}_{dataset}"
    return entry(
        name, dataset, architecture, kwargs, "plain", REFERENCE, paper=paper or {}
    )


def _row(
    name: str,
    dataset: str,
    architecture: str,
    kwargs: Mapping,
    paper: Mapping | None = None,
    **options: Any,
) -> Entry:
    return entry(
        f"sampled_{name}",
        dataset,
        architecture,
        kwargs,
        "sampled",
        REFERENCE,
        method_kwargs=options,
        paper=paper or {},
    )


def _resnet34(
    name: str,
    sparse_loss: float,
    gmacs: float,
    drop: float,
    top5_drop: float,
    **options: Any,
) -> Entry:
    """A row of table 4: MACs on average, and by how many points accuracies fall."""
    return _row(
        f"resnet34_imagenet{name}",
        *_RESNET34,
        {"gmacs": gmacs, "accuracy_drop": drop, "top5_accuracy_drop": top5_drop},
        # About what the paper's two results have in all masks.
        densities=(0.6, 0.45),
        first_blocks=False,
        masks="two",
        window=5,
        grid=2,
        sparse_loss=sparse_loss,
        **options,
    )


ROWS = [
    # Table 4, and the network that its drops are from.
    _plain("resnet34", *_RESNET34, {"gmacs": 3.6}),
    _resnet34("", 0.01, 2.53, 0.45, 0.20),
    _resnet34("_0015", 0.015, 2.16, 1.19, 0.47),
    _resnet34("_0015_zeros", 0.015, 2.21, 1.07, 0.46, interpolation="zeros"),
    _plain("resnet14", *_RESNET14),
    _row(
        "resnet14_imagenette",
        *_RESNET14,
        densities=(0.5, 0.25, 0.1),
        statistics="instance",
        noise="blue",
        sparse_loss=0.2,
        rate_factor=2,
        draw="sandwich",
    ),
]

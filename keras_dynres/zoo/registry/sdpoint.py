"""The networks of the SDPoint paper, and the one that ships."""

from collections.abc import Iterator, Mapping
from typing import Any

from keras_dynres.zoo.registry.entry import Entry, entry

REFERENCE = (
    "Kuen et al., Stochastic Downsampling for Cost-Adjustable Inference and Improved "
    "Regularization in Convolutional Networks, CVPR 2018, "
    "https://arxiv.org/abs/1801.05931"
)
# The paper counts 12 points in a DenseNetBC-40 and does not say which of its 18 layers
# have none; here it is every third.
_TWELVE = tuple(f"stage{s}_block{b}_concat" for s in (1, 2, 3) for b in (1, 2, 4, 5))


def _row(
    name: str,
    dataset: str,
    architecture: str,
    kwargs: Mapping,
    paper: Mapping | None = None,
    **options: Any,
) -> Entry:
    return entry(
        f"sdpoint_{name}",
        dataset,
        architecture,
        kwargs,
        "sdpoint",
        REFERENCE,
        method_kwargs={"ratios": (0.5, 0.75), **options},
        paper=paper or {},
    )


def _cifar(
    name: str,
    architecture: str,
    kwargs: Mapping,
    results: Mapping[str, tuple[float, float, float]],
    **options: Any,
) -> Iterator[Entry]:
    """The networks of the paper's table 1: (GFLOPs, error, error without SDPoint)."""
    for dataset, (gflops, error, plain) in results.items():
        paper = {"gflops": gflops, "error": error, "error_without_method": plain}
        yield _row(f"{name}_{dataset}", dataset, architecture, kwargs, paper, **options)


_RESNEXT = ("imagenet", "resnext", {"depth": 101, "cardinality": 32, "width": 4})

ROWS = [
    # Not in the paper: small enough to be trained on two cores and to be shipped.
    _row("wrn16_2_cifar10", "cifar10", "wide_resnet", {"depth": 16, "width": 2}),
    *_cifar(
        "wrn28_10",
        "wide_resnet",
        {"depth": 28, "width": 10},
        {"cifar10": (6.5, 3.35, 3.84), "cifar100": (10.1, 17.53, 18.51)},
    ),
    *_cifar(
        "wrn40_4",
        "wide_resnet",
        {"depth": 40, "width": 4},
        {"cifar10": (2.5, 3.73, 4.29), "cifar100": (2.6, 19.55, 20.78)},
    ),
    *_cifar(
        "densenetbc40_60",
        "densenet_bc",
        {"depth": 40, "growth": 60},
        {"cifar10": (2.7, 3.39, 3.99), "cifar100": (3.6, 19.25, 20.00)},
        points=_TWELVE,
    ),
    # Table 2.
    _row(
        "preresnet101_imagenet",
        "imagenet",
        "preresnet",
        {"depth": 101},
        {
            "gflops": 15.7,
            "error": 21.4,
            "top5_error": 5.6,
            "error_without_method": 22.0,
            "top5_error_without_method": 6.1,
        },
    ),
    _row(
        "resnext101_32x4d_imagenet",
        *_RESNEXT,
        {
            "gflops": 16.0,
            "error": 20.4,
            "top5_error": 5.3,
            "error_without_method": 21.2,
            "top5_error_without_method": 5.6,
        },
    ),
    # The ablations of figure 4, of which the paper prints no numbers.
    _row("resnext101_32x4d_imagenet_alternate", *_RESNEXT, points="alternate"),
    _row("resnext101_32x4d_imagenet_075", *_RESNEXT, ratios=(0.75,)),
]

"""The networks of the paper on resizable networks, and two for CIFAR-10."""

from collections.abc import Mapping
from typing import Any

from keras_dynres.zoo.registry.entry import Entry, entry

REFERENCE = (
    "Resizable Neural Networks, anonymous submission to ICLR 2020, "
    "https://openreview.net/group?id=ICLR.cc/2020/Conference"
)
_FOUR = (0.45, 0.65, 0.85, 1.0)
_THREE = (0.5, 0.7, 1.0)


def _row(
    name: str,
    dataset: str,
    architecture: str,
    scales: tuple[float, ...],
    paper: Mapping | None = None,
    method: Mapping | None = None,
    **kwargs: Any,
) -> Entry:
    return entry(
        f"resizable_{name}_{dataset}",
        dataset,
        architecture,
        kwargs,
        "resizable",
        REFERENCE,
        method_kwargs={"scales": scales, **(method or {})},
        paper=paper or {},
    )


def _results(
    gmacs: float,
    accuracy: float,
    plain: float,
    top5: float | None = None,
    plain_top5: float | None = None,
) -> dict[str, float]:
    """Errors of the undiminished network; the paper prints accuracies."""
    errors = {"error": accuracy, "error_without_method": plain}
    errors |= {"top5_error": top5, "top5_error_without_method": plain_top5}
    known = {key: round(100 - value, 1) for key, value in errors.items() if value}
    return {"gmacs": gmacs, **known}


ROWS = [
    # Table 1.
    _row(
        "mobilenet_v1",
        "imagenet",
        "mobilenet_v1",
        _THREE,
        _results(0.569, 72.0, 70.6),
    ),
    _row(
        "shufflenet_v2",
        "imagenet",
        "shufflenet_v2",
        _FOUR,
        _results(0.299, 73.3, 72.6),
        width=1.5,
    ),
    _row("resnet50", "imagenet", "resnet", _FOUR, _results(4.1, 77.1, 76.4), depth=50),
    # Trained in the paper, which prints no results of it.
    _row("mobilenet_v2", "imagenet", "mobilenet_v2", _THREE),
    # Tables 2, 9 and 3: trained for the network as it is.
    _row(
        "aug_resnet50",
        "imagenet",
        "resnet",
        _FOUR,
        _results(4.1, 78.8, 76.4, 94.4, 93.1),
        method={"target": "full"},
        depth=50,
    ),
    _row(
        "aug_shufflenet_v2",
        "imagenet",
        "shufflenet_v2",
        _FOUR,
        _results(0.299, 73.7, 72.6),
        method={"target": "full"},
        width=1.5,
    ),
    _row(
        "aug_efficient",
        "imagenet",
        "efficient_resizable",
        _FOUR,
        _results(0.365, 77.8, 77.4, 93.6, 93.6),
        method={"target": "full"},
        dropout=0.5,
    ),
    # Not in the paper: the first is small enough for two cores.
    _row(
        "wrn16_2",
        "cifar10",
        "wide_resnet",
        _FOUR,
        method={"statistics": "configuration"},
        depth=16,
        width=2,
    ),
    _row("mobilenet_v1", "cifar10", "mobilenet_v1", _THREE),
]

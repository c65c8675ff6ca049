"""The networks of the MSDNet paper, which prints its results as curves alone."""

from collections.abc import Sequence
from typing import Any

from keras_dynres.zoo.registry.entry import Entry, entry

REFERENCE = (
    "Huang et al., Multi-Scale Dense Networks for Resource Efficient Image "
    "Classification, ICLR 2018, https://arxiv.org/abs/1703.09844"
)


def _row(name: str, dataset: str, configuration: str, **fields: Any) -> Entry:
    kwargs = {"configuration": configuration}
    return entry(
        f"msdnet_{name}", dataset, "msdnet", kwargs, "msdnet", REFERENCE, **fields
    )


def _cifar(name: str, dataset: str) -> Entry:
    return _row(f"{name}_{dataset}", dataset, f"cifar_{name}")


def _imagenet(name: str, step: int) -> Entry:
    file = f"msdnet-step={step}-block=5.pth.tar"
    return _row(name, "imagenet", f"imagenet_step{step}", checkpoint=file)


def _several_classifiers(
    name: str,
    dataset: str,
    architecture: str,
    unit: str,
    blocks: Sequence[int],
    **kwargs: Any,
) -> Entry:
    """A plain network with exits after two blocks of each stage."""
    points = [f"stage{s}_block{b}_{unit}" for s in (1, 2, 3) for b in blocks]
    return entry(
        f"{name}_{dataset}",
        dataset,
        architecture,
        kwargs,
        "early_exit",
        REFERENCE,
        method_kwargs={"points": points, "heads": "conv"},
    )


def _resnet_mc(dataset: str) -> Entry:
    size = {"depth": 64, "width": 1}
    return _several_classifiers(
        "resnet_mc", dataset, "wide_resnet", "add", (4, 8), **size
    )


def _densenet_mc(dataset: str) -> Entry:
    size = {"depth": 100, "growth": 12}
    return _several_classifiers(
        "densenet_mc", dataset, "densenet_bc", "concat", (6, 12), **size
    )


ROWS = [
    _cifar("anytime", "cifar10"),
    _cifar("budget10", "cifar10"),
    _cifar("budget15", "cifar10"),
    _cifar("budget21", "cifar10"),
    _cifar("budget28", "cifar10"),
    _cifar("budget36", "cifar10"),
    _cifar("anytime", "cifar100"),
    _cifar("budget10", "cifar100"),
    _cifar("budget15", "cifar100"),
    _cifar("budget21", "cifar100"),
    _cifar("budget28", "cifar100"),
    _cifar("budget36", "cifar100"),
    # The paper's baselines.
    _resnet_mc("cifar10"),
    _densenet_mc("cifar10"),
    _resnet_mc("cifar100"),
    _densenet_mc("cifar100"),
    # As the published code offers it, with weights, and as the paper says.
    _imagenet("imagenet", 4),
    _imagenet("imagenet_step6", 6),
    _imagenet("imagenet_step7", 7),
    _row("imagenet_paper", "imagenet", "imagenet"),
]

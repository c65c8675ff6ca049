"""What the zoo offers: one table of networks, each described by plain data."""

import dataclasses
from collections.abc import Mapping

from keras_dynres import data
from keras_dynres.errors import UnknownNameError
from keras_dynres.zoo.labels import LABELS

SDPOINT = (
    "Kuen et al., Stochastic Downsampling for Cost-Adjustable Inference and Improved "
    "Regularization in Convolutional Networks, CVPR 2018, "
    "https://arxiv.org/abs/1801.05931"
)
# The paper counts 12 points in a DenseNetBC-40 and does not say which of its 18 layers
# have none; here it is every third.
_TWELVE = tuple(f"stage{s}_block{b}_concat" for s in (1, 2, 3) for b in (1, 2, 4, 5))


@dataclasses.dataclass(frozen=True)
class Entry:
    """A network of the zoo: all that is needed to build it and to use it.

    Args:
        name: What `zoo.load` takes.
        architecture: Name in `keras_dynres.architectures`.
        architecture_kwargs: What the architecture's function takes.
        method: Name in `keras_dynres.methods`.
        method_kwargs: What the method takes beside the base.
        dataset: Name in `keras_dynres.data`.
        preprocessing: `scale`, `mean` and `std`: the network is given
            `(image / scale - mean) / std`.
        recipe: The recipe that trains it.
        licence: The weights' licence (SPDX).
        reference: The paper.
        paper: What the paper reports: errors in percent, GFLOPs.
    """

    name: str
    architecture: str
    architecture_kwargs: Mapping
    method: str
    method_kwargs: Mapping
    dataset: str
    preprocessing: Mapping
    recipe: str
    licence: str
    reference: str
    paper: Mapping

    @property
    def classes(self):
        """The number of classes."""
        return self.architecture_kwargs["classes"]

    @property
    def input_shape(self):
        """Height, width and channels of an image."""
        return tuple(self.architecture_kwargs["input_shape"])

    @property
    def labels(self):
        """Class names in the order of the logits; empty where they are not public."""
        return LABELS.get(self.dataset, ())


def _sdpoint(name, architecture, dataset, paper, sdpoint=None, **kwargs):
    images = data.info(dataset)
    shape = {"input_shape": (images.size, images.size, 3), "classes": images.classes}
    return Entry(
        name=name,
        architecture=architecture,
        architecture_kwargs={**kwargs, **shape},
        method="sdpoint",
        method_kwargs={"ratios": (0.5, 0.75), **(sdpoint or {})},
        dataset=dataset,
        preprocessing=images.preprocessing,
        recipe=name,
        licence="Apache-2.0",
        reference=SDPOINT,
        paper=paper,
    )


def _cifar(name, architecture, results, **kwargs):
    """The networks of the paper's table 1: (GFLOPs, error, error without SDPoint)."""
    for dataset, (gflops, error, plain) in results.items():
        paper = {"gflops": gflops, "error": error, "error_without_method": plain}
        full_name = f"sdpoint_{name}_{dataset}"
        yield _sdpoint(full_name, architecture, dataset, paper, **kwargs)


def _imagenet(name, architecture, paper, sdpoint=None, **kwargs):
    """The networks of table 2 and figure 4."""
    full_name = f"sdpoint_{name}"
    return _sdpoint(full_name, architecture, "imagenet", paper, sdpoint, **kwargs)


_RESNEXT = {"depth": 101, "cardinality": 32, "width": 4}

_TABLE = [
    # Not in the paper: small enough to be trained on two cores and to be shipped.
    _sdpoint(
        "sdpoint_wrn16_2_cifar10", "wide_resnet", "cifar10", {}, depth=16, width=2
    ),
    *_cifar(
        "wrn28_10",
        "wide_resnet",
        {"cifar10": (6.5, 3.35, 3.84), "cifar100": (10.1, 17.53, 18.51)},
        depth=28,
        width=10,
    ),
    *_cifar(
        "wrn40_4",
        "wide_resnet",
        {"cifar10": (2.5, 3.73, 4.29), "cifar100": (2.6, 19.55, 20.78)},
        depth=40,
        width=4,
    ),
    *_cifar(
        "densenetbc40_60",
        "densenet_bc",
        {"cifar10": (2.7, 3.39, 3.99), "cifar100": (3.6, 19.25, 20.00)},
        sdpoint={"points": _TWELVE},
        depth=40,
        growth=60,
    ),
    _imagenet(
        "preresnet101_imagenet",
        "preresnet",
        {
            "gflops": 15.7,
            "error": 21.4,
            "top5_error": 5.6,
            "error_without_method": 22.0,
            "top5_error_without_method": 6.1,
        },
        depth=101,
    ),
    _imagenet(
        "resnext101_32x4d_imagenet",
        "resnext",
        {
            "gflops": 16.0,
            "error": 20.4,
            "top5_error": 5.3,
            "error_without_method": 21.2,
            "top5_error_without_method": 5.6,
        },
        **_RESNEXT,
    ),
    # The ablations of figure 4, of which the paper prints no numbers.
    _imagenet(
        "resnext101_32x4d_imagenet_alternate",
        "resnext",
        {},
        {"points": "alternate"},
        **_RESNEXT,
    ),
    _imagenet(
        "resnext101_32x4d_imagenet_075",
        "resnext",
        {},
        {"ratios": (0.75,)},
        **_RESNEXT,
    ),
]

ENTRIES = {entry.name: entry for entry in _TABLE}


def get(name):
    """The entry called `name`; an unknown one raises and names its neighbours."""
    if name not in ENTRIES:
        raise UnknownNameError("model of the zoo", name, ENTRIES)
    return ENTRIES[name]


def names(method=None, dataset=None):
    """Names of the zoo's networks, all or those of a method or data set.

    >>> kd.zoo.list(method="sdpoint", dataset="cifar100")[0]
    'sdpoint_wrn28_10_cifar100'
    """
    wanted = {"method": method, "dataset": dataset}
    for field, value in wanted.items():
        offered = sorted({getattr(entry, field) for entry in ENTRIES.values()})
        if value is not None and value not in offered:
            raise UnknownNameError(f"{field} in the zoo", value, offered)
    return [
        entry.name
        for entry in ENTRIES.values()
        if all(v is None or getattr(entry, f) == v for f, v in wanted.items())
    ]

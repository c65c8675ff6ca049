"""The networks of the paper on sampling and interpolation, and small ones."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keras_dynres.zoo.registry.entry import Entry, entry

REFERENCE = (
    "Xie et al., Spatially Adaptive Inference with Stochastic Feature Sampling and "
    "Interpolation, ECCV 2020, https://arxiv.org/abs/2003.08866"
)
_RESNET34 = ("imagenet", "resnet", {"depth": 34})
# Not in the paper: small enough for two cores.
_RESNET14 = ("imagenette", "resnet", {"depth": 14, "channels": (32, 96, 160)})

# By shorter side: images as the published code counts them, mAP, backbone's giga-MACs.
_DETECTOR = "faster_rcnn_resnet101_coco"
_SIZES = {
    1000: ((992, 1664), 0.434, 289.5),
    800: ((800, 1312), 0.423, 184.1),
    600: ((576, 992), 0.404, 100.2),
    500: ((480, 832), 0.385, 70.0),
}
# By weight of the sparse loss, table 5: mAP, backbone's giga-MACs on average.
_WEIGHTS = {
    0.02: (0.433, 160.4),
    0.05: (0.428, 122.8),
    0.1: (0.420, 96.6),
    0.2: (0.407, 73.3),
}
_FCN = "fcn50_cityscapes"


def _plain(
    name: str,
    dataset: str,
    architecture: str,
    kwargs: Mapping,
    paper: Mapping | None = None,
    **fields: Any,
) -> Entry:
    common = name, dataset, architecture, kwargs
    return entry(*common, "plain", REFERENCE, paper=paper or {}, **fields)


def _row(
    name: str,
    dataset: str,
    architecture: str,
    kwargs: Mapping,
    paper: Mapping | None = None,
    size: Sequence[int] = (),
    checkpoint: str = "",
    **options: Any,
) -> Entry:
    return entry(
        f"sampled_{name}",
        dataset,
        architecture,
        kwargs,
        "sampled",
        REFERENCE,
        size,
        method_kwargs=options,
        paper=paper or {},
        checkpoint=checkpoint,
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


def _detectors() -> Iterator[Entry]:
    """Figure 4a. Uniform sampling is a dense detector on smaller images."""
    for side, (size, share, gmacs) in _SIZES.items():
        yield _plain(
            _DETECTOR if side == 1000 else f"{_DETECTOR}_{side}",
            *_faster_rcnn(101),
            {"map": share, "backbone_gmacs": gmacs},
            size=size,
            checkpoint=f"resnet_101_faster_rcnn_res{side}.pth",
        )
    smaller = {"map": 0.412, "backbone_gmacs": 149.2}
    name = _DETECTOR.replace("101", "50")
    yield _plain(name, *_faster_rcnn(50), smaller, size=_SIZES[1000][0])
    for weight, (share, gmacs) in _WEIGHTS.items():
        for sampling in ("stochastic", "deterministic", "relu"):
            known = {}
            if sampling == "stochastic":
                file = f"sparse_resnet_101_faster_rcnn_sparse_loss_weight_{weight}"
                known = {
                    "paper": {"map": share, "backbone_gmacs": gmacs},
                    "checkpoint": f"{file.replace('.', '_')}.pth",
                }
            yield _row(
                _DETECTOR + _suffix(weight, 0.02, sampling),
                *_faster_rcnn(101),
                size=_SIZES[1000][0],
                **known,
                **_masks(weight, sampling),
                freeze_norms=True,
            )


def _faster_rcnn(depth: int) -> tuple[str, str, Mapping]:
    backbone = {"depth": depth, "deformable": (2, 3, 4)}
    return "coco", "faster_rcnn", {"backbone": backbone, "published": True}


def _segmentation() -> Iterator[Entry]:
    """Figure 4b. The text names one sampled result, and not its weight."""
    common = "cityscapes", "fcn", {"depth": 50, "deformable": (2, 3, 4)}
    paper = {"mean_iou": 0.808, "backbone_gmacs": 920.6}
    yield _plain(_FCN, *common, paper)
    for side in (896, 736, 512):
        yield _plain(f"{_FCN}_{side}", *common, size=(side, 2 * side))
    for weight in (0.05, 0.1, 0.2, 0.3):
        for sampling in ("stochastic", "deterministic"):
            name = _FCN + _suffix(weight, 0.05, sampling)
            yield _row(name, *common, **_masks(weight, sampling))


def _small_dense() -> Iterator[Entry]:
    """Not in the paper: both tasks in an hour of two cores."""
    narrow = {"depth": 14, "stem": "imagenet", "channels": (32, 96, 160)}
    fcn = "camvid", "fcn", {**narrow, "head": 96, "auxiliary": 48}
    detector = {
        "backbone": narrow,
        "pyramid": 40,
        "head": 96,
        "per_level": 200,
        "regions": 128,
        "detections": 60,
    }
    faster_rcnn = "bccd", "faster_rcnn", detector
    size = (384, 512)
    common = {
        "densities": (0.5, 0.25, 0.1),
        "statistics": "instance",
        "noise": "blue",
    }
    yield _plain("fcn14_camvid", *fcn)
    options = {"sparse_loss": 0.3, "rate_factor": 12, "draw": "sandwich", **common}
    yield _row("fcn14_camvid", *fcn, **options)
    yield _plain("faster_rcnn14_bccd", *faster_rcnn, size=size)
    options = {"sparse_loss": 0.5, "rate_factor": 3, "draw": "joint", **common}
    yield _row("faster_rcnn14_bccd", *faster_rcnn, size=size, **options)


def _masks(weight: float, sampling: str) -> dict[str, Any]:
    """What the paper takes for detection and segmentation alike."""
    options = {"sampling": sampling} if sampling != "stochastic" else {}
    return {
        "densities": (0.5, 0.25),
        "masks": "two",
        "window": 7,
        "grid": 11,
        "sparse_loss": weight,
        **options,
    }


def _suffix(weight: float, first: float, sampling: str) -> str:
    """What follows the name of the row that has the first weight."""
    number = "" if weight == first else f"_{str(weight).replace('.', '')}"
    return number + (f"_{sampling}" if sampling != "stochastic" else "")


ROWS = [
    *_detectors(),
    *_segmentation(),
    # Table 4, and the network that its drops are from.
    _plain("resnet34_imagenet", *_RESNET34, {"gmacs": 3.6}),
    _resnet34("", 0.01, 2.53, 0.45, 0.20),
    _resnet34("_0015", 0.015, 2.16, 1.19, 0.47),
    _resnet34("_0015_zeros", 0.015, 2.21, 1.07, 0.46, interpolation="zeros"),
    _plain("resnet14_imagenette", *_RESNET14),
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
    *_small_dense(),
]

"""The networks of the low-mode paper, with low-mode and without."""

from collections.abc import Iterator

from keras_dynres.zoo.registry.entry import Entry, entry

REFERENCE = (
    "Poulos et al., Training CNNs faster with Dynamic Input and Kernel Downsampling, "
    "2019, https://arxiv.org/abs/1910.06548"
)
# Table 1, which has CIFAR-10 alone: errors without and with low-mode, and by how many
# percent training, and a low step, are shorter.
_CIFAR10 = {18: (6.7, 6.9, 18, 63), 50: (6.3, 6.4, 23, 61)}


def _rows(depth: int, dataset: str) -> Iterator[Entry]:
    name, architecture = f"resnet{depth}_{dataset}", {"depth": depth}
    plain, low = {}, {}
    if dataset == "cifar10":
        without, error, training, step = _CIFAR10[depth]
        plain = {"error": without}
        low = {
            "error": error,
            "error_without_method": without,
            "training_time_less": training,
            "step_time_less": step,
        }
    common = dataset, "resnet", architecture
    yield entry(name, *common, "plain", REFERENCE, paper=plain)
    yield entry(
        f"low_mode_{name}",
        *common,
        "low_mode",
        REFERENCE,
        method_kwargs={"ratio": 2, "probability": 0.5},
        paper=low,
    )


ROWS = [
    row
    for dataset in ("cifar10", "cifar100")
    for depth in _CIFAR10
    for row in _rows(depth, dataset)
]

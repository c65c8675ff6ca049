"""Networks of the zoo: what one is and how it is trained, in one small readable file.

A file is a JSON object of the entries of `Network`. With `"extends": "other"` it says
only what differs from that network; `about`, `paper` and `checkpoint` are each file's
own. A `reference` may be a key of `references.json`.
"""

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_dynres.architectures import is_pretrained
from keras_dynres.data.catalog import Dataset, info
from keras_dynres.errors import DynresError, one_of
from keras_dynres.files import read_json

FOLDER = Path(__file__).with_name("networks")
# The files by the networks' names; adding a network is adding a file.
NETWORKS = {path.stem: path for path in sorted(FOLDER.glob("*.json"))}
_REFERENCES = Path(__file__).with_name("references.json")
_OWN = {"about": (), "paper": {}, "checkpoint": ""}
_PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
_SCHEDULES = ("cosine", "linear", "steps")
_OPTIMIZERS = ("sgd", "muon")


@dataclasses.dataclass(frozen=True)
class Network:
    """All that a network is, and all that its training depends on.

    Args:
        name: Its name, its file's.
        architecture: A name of `keras_dynres.architectures`, or what
            `architectures.pretrained` takes: `"keras.applications.NAME"` or the path
            of a `.keras` file.
        dataset: A name of `keras_dynres.data.DATASETS`, or what `Dataset.get_config`
            gives.
        epochs: Passes over the training images.
        about: A few lines on what it is and where it is from.
        architecture_options: What the architecture's function is given. `classes`
            and `input_shape` are the data set's unless they stand here.
        method: A name of `keras_dynres.methods`.
        method_options: What the method is given besides the base.
        batch_size: Images a step.
        augment: What `data.load` calls `augment`.
        image_size: Height and width of what the network is given, one number where
            it is square, of data sets of pictures in files; 0 is the data set's own
            size. A run on small pictures is quick, and another one may start from it.
        optimizer: `"sgd"`; or `"muon"`, which makes steps of convolutions orthogonal.
        learning_rate: The highest.
        schedule: `"cosine"` and `"linear"` fall to 0; `"steps"` multiplies by
            `step_factor` at each of `step_at`.
        step_at: Where the rate drops: fractions of the run below 1, else epochs.
        step_factor: What the rate is multiplied by there.
        warmup_epochs: Epochs in which the rate rises from 0.
        momentum: Of the gradient, Nesterov's if `nesterov`.
        nesterov: Whether the step looks ahead.
        weight_decay: Added to the gradient, times the weight, before the momentum.
        decay_all: Whether scale, offset and bias decay too, or kernels alone.
        average: How much of the moving average of the weights a step keeps, such as
            0.998; it takes the weights' place after the last epoch. 0 is without one.
        label_smoothing: Share of the target spread over all classes.
        starts_from: Whose weights to begin with: a network of the zoo over the same
            architecture, or over a backbone whose layers have the same names; or the
            path of a `.keras` file of such a network, plain or with a method, such as
            `model.keras` of another run; of `keras.applications` also `"imagenet"`, or
            a file of weights. A relative path is one from the folder that training is
            started in. Empty begins with random weights.
        frozen_epochs: In how many epochs, the first, the base is left as it is, in
            inference mode, and what follows its last feature map learns alone.
        loss_weights: What the loss of a named output counts, by default 1, such as
            `{"auxiliary": 0.4}`.
        precision: Keras' dtype policy: `"float32"` or a mixed one.
        seed: Of weights, order, augmentation and the drawing of instances.
        calibration_batches: Training batches the statistics are computed over.
        held_out: Training images, the last in the files, that are not trained on:
            what budgets are solved on.
        round_to_float16: Whether weights are rounded after the last epoch, before
            statistics and accuracies are measured: a file of half the size, to publish.
        mantissa_bits: What rounded kernels keep of float16's mantissa of ten bits: with
            three a file has a byte for each of their weights, and compresses.
        reference: The paper it is from.
        paper: What the paper reports: errors in percent, mean average precision and
            mean IoU as shares, GFLOPs or giga-MACs, of the backbone alone where the
            key says so.
        checkpoint: Name or address of a published checkpoint, as
            `zoo.import_checkpoint` takes it; empty where there is none.
        licence: The weights' licence (SPDX), or `"unknown"`.
    """

    name: str
    architecture: str
    dataset: str | dict
    epochs: int
    about: tuple = ()
    architecture_options: dict = dataclasses.field(default_factory=dict)
    method: str = "plain"
    method_options: dict = dataclasses.field(default_factory=dict)
    batch_size: int = 128
    augment: str = "none"
    image_size: int | tuple = 0
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    schedule: str = "cosine"
    step_at: tuple = (0.5, 0.75)
    step_factor: float = 0.1
    warmup_epochs: float = 0
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    decay_all: bool = True
    average: float = 0.0
    label_smoothing: float = 0.0
    starts_from: str = ""
    frozen_epochs: int = 0
    loss_weights: dict = dataclasses.field(default_factory=dict)
    precision: str = "float32"
    seed: int = 0
    calibration_batches: int = 100
    held_out: int = 0
    round_to_float16: bool = False
    mantissa_bits: int = 10
    reference: str = ""
    paper: dict = dataclasses.field(default_factory=dict)
    checkpoint: str = ""
    licence: str = "Apache-2.0"

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            self._check_type(field)
        dataset = self._dataset
        one_of("precision", self.precision, _PRECISIONS)
        one_of("schedule", self.schedule, _SCHEDULES)
        one_of("optimizer", self.optimizer, _OPTIMIZERS)
        self._check("epochs", self.epochs > 0, "above 0")
        self._check("batch_size", self.batch_size > 0, "above 0")
        sizes = self.image_size
        pair = sizes if isinstance(sizes, tuple) else (sizes, sizes)
        right = len(pair) == 2 and all(isinstance(n, int) and n >= 0 for n in pair)
        self._check("image_size", right, "at least 0, or height and width")
        if sizes and dataset.in_memory and dataset.task == "classes":
            wanted = f"0: images of {dataset.name!r} are kept at one size"
            self._check("image_size", False, wanted)
        self._check("learning_rate", self.learning_rate > 0, "above 0")
        self._check("momentum", 0 <= self.momentum < 1, "in [0, 1)")
        self._check("weight_decay", self.weight_decay >= 0, "at least 0")
        self._check("average", 0 <= self.average < 1, "in [0, 1)")
        # Freezing makes an optimizer of its own, which would begin another average.
        alone = not (self.average and self.frozen_epochs)
        self._check("average", alone, "0 with frozen_epochs")
        self._check("label_smoothing", 0 <= self.label_smoothing < 1, "in [0, 1)")
        self._check("seed", self.seed >= 0, "at least 0")
        self._check("calibration_batches", self.calibration_batches > 0, "above 0")
        self._check("held_out", self.held_out >= 0, "at least 0")
        bits = 1 <= self.mantissa_bits <= 10
        self._check("mantissa_bits", bits, "from 1 to 10")
        self._check(
            "frozen_epochs",
            0 <= self.frozen_epochs < self.epochs,
            f"at least 0 and below epochs={self.epochs}",
        )
        self._check(
            "warmup_epochs",
            0 <= self.warmup_epochs < self.epochs,
            f"at least 0 and below epochs={self.epochs}",
        )
        at = list(self.step_at)
        inside = all(type(x) in (int, float) and 0 < x < self.epochs for x in at)
        wanted = f"numbers that rise, each above 0 and below epochs={self.epochs}"
        self._check("step_at", inside and at == sorted(set(at)), wanted)

    @classmethod
    def load(cls, name: "str | Path | Network") -> "Network":
        """The network of that name, or in the `.json` file at that path.

        >>> Network.load("wrn16_2_cifar10").epochs
        40
        """
        if isinstance(name, cls):
            return name
        path, content = _read(name)
        return cls.from_config({"name": path.stem, **content})

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Network":
        """The network a plain dict describes."""
        known = [field.name for field in dataclasses.fields(cls)]
        for key in config:
            one_of("entry of a network", key, known)
        for key in ("architecture", "dataset", "epochs"):
            if key not in config:
                raise DynresError(
                    f"The network lacks {key!r}. Received: {', '.join(config)}"
                )
        lists = {k: tuple(v) for k, v in config.items() if isinstance(v, list)}
        return cls(**{**config, **lists})

    @property
    def images(self) -> Dataset:
        """The data set, at the network's size of images.

        >>> Network.load("wrn16_2_cifar10").images.size
        32
        """
        size = self.image_size or self._dataset.size
        return dataclasses.replace(self._dataset, size=size)

    @property
    def options(self) -> dict[str, Any]:
        """All that the architecture's function is given."""
        shape = (*self.images.shape, 3)
        usual = {"classes": self.images.classes, "input_shape": shape}
        if is_pretrained(self.architecture):
            usual["preprocessing"] = self.preprocessing
        return {**usual, **self.architecture_options}

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.options["classes"]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return tuple(self.options["input_shape"])

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the logits; empty where they are not known."""
        return self._dataset.class_names

    @property
    def preprocessing(self) -> dict[str, Any]:
        """`scale`, `mean` and `std`: it is given `(image / scale - mean) / std`."""
        return self._dataset.preprocessing

    @property
    def import_command(self) -> str:
        """The command that makes weights of its checkpoint; empty without one.

        >>> Network.load("msdnet_imagenet").import_command
        'keras-dynres import msdnet_imagenet'
        """
        if not self.checkpoint:
            return ""
        file = "" if "://" in self.checkpoint else f" {self.checkpoint}"
        return f"keras-dynres import {self.name}{file}"

    @property
    def mixes_labels(self) -> bool:
        """Whether the labels of training are shares of the classes."""
        return "mixup" in self.augment.split("+")

    @property
    def _dataset(self) -> Dataset:
        if isinstance(self.dataset, str):
            return info(self.dataset)
        return Dataset.from_config(self.dataset)

    def get_config(self) -> dict[str, Any]:
        """A plain dict that `from_config` takes."""
        return dataclasses.asdict(self)

    def _check(self, entry: str, holds: bool, wanted: str) -> None:
        if not holds:
            raise DynresError(
                f"Network {self.name!r}: {entry} is {wanted}. "
                f"Received: {entry}={getattr(self, entry)!r}"
            )

    def _check_type(self, field: dataclasses.Field) -> None:
        value = getattr(self, field.name)
        kinds = typing.get_args(field.type) or (field.type,)
        if kinds == (float,):
            kinds = (float, int)
        # Python takes True for an integer.
        right = isinstance(value, kinds) and (bool in kinds) == isinstance(value, bool)
        wanted = " or ".join(
            {"dict": "an object", "tuple": "a list", "NoneType": "null"}.get(
                kind.__name__, kind.__name__
            )
            for kind in kinds
        )
        self._check(field.name, right, wanted)


def names(method: str | None = None, dataset: str | None = None) -> list[str]:
    """Names of the zoo's networks, all or those of a method or data set.

    >>> kd.zoo.list(method="sdpoint", dataset="cifar100")[-1]
    'sdpoint_wrn40_4_cifar100'
    """
    wanted = {"method": method, "dataset": dataset}
    wanted = {field: value for field, value in wanted.items() if value is not None}
    if not wanted:
        return list(NETWORKS)
    networks = [Network.load(name) for name in NETWORKS]
    for field, value in wanted.items():
        offered = sorted({getattr(network, field) for network in networks})
        one_of(f"{field} in the zoo", value, offered)
    return [
        network.name
        for network in networks
        if all(getattr(network, field) == value for field, value in wanted.items())
    ]


def _read(name: str | Path, seen: tuple = ()) -> tuple[Path, dict[str, Any]]:
    """The file's path, and its content laid over that of the network it extends."""
    path = Path(name)
    if path.suffix != ".json":
        path = NETWORKS[one_of("network of the zoo", str(name), NETWORKS)]
    content = read_json(path, "a network")
    if not isinstance(content, dict):
        raise DynresError(f"A network is a JSON object. Received: {str(path)!r}")
    if "reference" in content:
        known = read_json(_REFERENCES, "the papers")
        content["reference"] = known.get(content["reference"], content["reference"])
    parent = content.pop("extends", None)
    if parent is None:
        return path, content
    if not isinstance(parent, str):
        raise DynresError(f"extends is a name or a path. Received: extends={parent!r}")
    if parent.endswith(".json"):
        parent = str(path.parent / parent)
    if parent in seen:
        raise DynresError(
            f"Networks that extend each other. Received: {[*seen, parent]}"
        )
    return path, {**_read(parent, (*seen, parent))[1], **_OWN, **content}

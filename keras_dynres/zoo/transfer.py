"""Networks for other images than they were published for."""

import dataclasses
from typing import Any

from keras_dynres import architectures
from keras_dynres.data.catalog import Dataset
from keras_dynres.errors import DynresError
from keras_dynres.zoo.network import Network

# An epoch of few images has so many steps at least, by smaller batches.
_STEPS = 10
_LEAST_BATCH = 8


def for_images(network: Network, images: Dataset) -> Network:
    """The same network, to be trained on other images.

    Their classes and size take the place of its own, as does their augmentation where
    they do not offer its own. Of few images batches are smaller, and the learning rate
    with them. Weights to start from, and what a paper reports, are not taken along.

    Example:

    ```python
    photos = kd.data.folder("~/photos", size=128)
    network = kd.zoo.for_images(kd.zoo.Network.load("resnet14_imagenette"), photos)
    kd.training.train(network, out_dir="runs/photos")
    ```

    Args:
        network: The network.
        images: A data set with labels of the same kind, such as `data.folder` makes.
    """
    own = network.images
    if images.task != own.task:
        raise DynresError(
            f"Network {network.name!r} is trained on labels of the kind {own.task!r}. "
            f"Received: {images.name!r}, whose labels are {images.task!r}"
        )
    share = network.held_out / own.train_images
    held_out = round(share * images.train_images)
    batch = _batch_size(network.batch_size, images.train_images - held_out)
    fixed = ("classes", "input_shape")
    return dataclasses.replace(
        network,
        name=f"{network.name}_{images.name}",
        about=(f"{network.name}, trained on {images.name}.",),
        architecture_options={
            key: value
            for key, value in network.architecture_options.items()
            if key not in fixed
        },
        batch_size=batch,
        learning_rate=network.learning_rate * batch / network.batch_size,
        augment=_augmentation(network.augment, images),
        held_out=held_out,
        starts_from="",
        paper={},
        checkpoint="",
        **_of(images),
    )


def fine_tuning(
    architecture: str,
    images: Dataset,
    method: str = "plain",
    weights: str | None = None,
    frozen_epochs: int = 0,
) -> Network:
    """A network that is trained on, from weights that were trained on other images.

    Example:

    ```python
    network = kd.zoo.fine_tuning(
        "keras.applications.MobileNetV2", photos, "sdpoint", "imagenet", frozen_epochs=3
    )
    ```

    Args:
        architecture: What `architectures.create` takes.
        images: A data set of an image each a class.
        method: A name of `keras_dynres.methods`.
        weights: As of `architectures.pretrained`.
        frozen_epochs: In how many epochs, the first, the new classifier alone learns.
    """
    if images.task != "classes":
        raise DynresError(
            "Fine-tuning is for images with a class each. Received: "
            f"{images.name!r}, whose labels are {images.task!r}"
        )
    if weights and not architectures.is_pretrained(architecture):
        raise DynresError(
            "Weights go with a network of keras.applications. Received: "
            f"weights={weights!r} for {architecture!r}"
        )
    short = architecture.removesuffix(".keras").replace("/", ".").split(".")[-1]
    name = f"{method}_{short}_{images.name}"
    return Network(
        name=name,
        about=(f"{architecture}, trained on with the images of {images.name}.",),
        architecture=architecture,
        method=method,
        starts_from=weights or "",
        epochs=20,
        batch_size=_batch_size(32, images.train_images),
        augment=_augmentation("scale_aspect_third", images),
        learning_rate=0.01,
        warmup_epochs=1,
        weight_decay=1e-4,
        label_smoothing=0.1,
        frozen_epochs=frozen_epochs,
        **_of(images),
    )


def _of(images: Dataset) -> dict[str, Any]:
    """The entries of a network that say what it is trained on."""
    if images.folder:
        return {"dataset": images.get_config(), "image_size": 0}
    size = 0 if images.in_memory and images.task == "classes" else images.size
    return {"dataset": images.name, "image_size": size}


def _batch_size(usual: int, count: int) -> int:
    return min(usual, max(_LEAST_BATCH, count // _STEPS), count)


def _augmentation(usual: str, images: Dataset) -> str:
    from keras_dynres.data import augmentations  # It imports TensorFlow.

    offered = augmentations.offered(images)
    if usual in offered or usual == "none":
        return usual
    # The one that changes a picture least, beyond mirroring it.
    preferred = ("scale_aspect_third", "pad_crop_flip", "scale_crop_flip", "flip")
    return next(name for name in preferred if name in offered)

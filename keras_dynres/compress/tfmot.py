"""tensorflow-model-optimization, whose tools train a twin of the network."""

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_dynres import files
from keras_dynres.compress.bridge import Bridge
from keras_dynres.compress.held import checked
from keras_dynres.core.batches import batches, count_batches
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError

_FLAG = "TF_USE_LEGACY_KERAS"


def prune(
    model: DynamicModel,
    data: Any,
    sparsity: float = 0.6,
    epochs: int = 2,
    learning_rate: float = 0.003,
    loss: Callable | None = None,
    batch_size: int = 128,
    callbacks: Sequence = (),
    verbose: Any = "auto",
) -> None:
    """Sets a share of the weights to zero, the least of each kernel.

    By `tfmot.sparsity.keras.prune_low_magnitude` with shares that rise from a third of
    the goal over the first half of the training. How many zeros a kernel gives follows
    from what its least weights are worth in it: a weight's square over the sum of the
    squares that are no smaller, one border for all kernels (known as LAMP). So large
    kernels give more zeros than small ones. The full network is trained, the weights
    come back into the layers that all instances share, so the zeros are every
    instance's. Train the others to them within `held`, then calibrate.

    Example:

    ```python
    kd.compress.prune(model, train, sparsity=0.6, epochs=2)
    model.calibrate(train)
    ```

    Args:
        model: A `DynamicModel` of stock layers.
        data: Labelled images, as for `fit`: a tuple of arrays, a `tf.data.Dataset`, a
            `PyDataset`, batches of a list.
        sparsity: Share of zeros in all kernels together at the end.
        epochs: How often to go through the data.
        learning_rate: Of SGD with momentum 0.9, falling to zero by a cosine.
        loss: A function of labels and outputs in TensorFlow; by default the
            cross-entropy of classes, for each output that is a row of them.
        batch_size: Images a step, where the data is arrays.
        callbacks: Callbacks of `tf_keras` for its `fit`.
        verbose: 0 silences the progress bar.

    Reference: the shares are those of https://arxiv.org/abs/2010.07611.
    """
    if not isinstance(sparsity, (int, float)) or not 0 < sparsity < 1:
        raise DynresError(
            f"The share of zeros lies between 0 and 1. Received: sparsity={sparsity!r}."
        )
    base = checked(model).graph
    with _library() as tfmot:
        bridge = Bridge(base)
        sparse = tfmot.sparsity.keras
        steps = _steps(data, batch_size) * epochs
        pace = {"end_step": max(1, steps // 2), "frequency": max(1, steps // 40)}
        kinds = ("Conv2D", "DepthwiseConv2D", "Dense")
        shares = _zeros(bridge.net, kinds, sparsity)

        def pruned(layer):
            share = shares[layer.name]
            schedule = sparse.PolynomialDecay(share / 3, share, begin_step=0, **pace)
            return sparse.prune_low_magnitude(layer, pruning_schedule=schedule)

        net = _wrapped(bridge.net, kinds, pruned, lambda layer: layer.name in shares)
        callbacks = [sparse.UpdatePruningStep(), *callbacks]
        fit = dict(batch_size=batch_size, callbacks=callbacks, verbose=verbose)
        _fit(net, bridge, data, epochs, learning_rate, loss, **fit)
        bridge.bring_back(sparse.strip_pruning(net))
    model.forget()


def cluster(
    model: DynamicModel,
    data: Any,
    clusters: int = 16,
    epochs: int = 2,
    learning_rate: float = 0.001,
    loss: Callable | None = None,
    batch_size: int = 128,
    callbacks: Sequence = (),
    verbose: Any = "auto",
) -> None:
    """Lets every kernel of a convolution have a few values alone, which compress well.

    By `tfmot.clustering.keras.cluster_weights`. The full network is trained, the
    weights come back into the layers that all instances share. Train the others to
    them within `held`, then calibrate.

    Example:

    ```python
    kd.compress.cluster(model, train, clusters=16)
    model.calibrate(train)
    ```

    Args:
        model: A `DynamicModel` of stock layers.
        data: Labelled images, as for `prune`.
        clusters: How many values a kernel has.
        epochs: How often to go through the data.
        learning_rate: Of SGD with momentum 0.9, falling to zero by a cosine.
        loss: As for `prune`.
        batch_size: Images a step, where the data is arrays.
        callbacks: Callbacks of `tf_keras` for its `fit`.
        verbose: 0 silences the progress bar.
    """
    if clusters not in range(2, 257):
        raise DynresError(
            f"A kernel has 2 to 256 clusters. Received: clusters={clusters!r}."
        )
    base = checked(model).graph
    with _library() as tfmot:
        # Not to be had by the front door.
        from tensorflow_model_optimization.python.core.clustering.keras import (
            cluster_config,
        )

        bridge = Bridge(base)
        tools = tfmot.clustering.keras
        start = tools.CentroidInitialization.KMEANS_PLUS_PLUS
        net = _wrapped(
            bridge.net,
            ("Conv2D",),
            lambda layer: tools.cluster_weights(
                layer,
                number_of_clusters=clusters,
                cluster_centroids_init=start,
                # By the sum a value that thousands share would leap.
                cluster_gradient_aggregation=cluster_config.GradientAggregation.AVG,
            ),
            lambda layer: layer.kernel.shape.num_elements() > 2 * clusters,
        )
        fit = dict(batch_size=batch_size, callbacks=callbacks, verbose=verbose)
        _fit(net, bridge, data, epochs, learning_rate, loss, **fit)
        bridge.bring_back(tools.strip_clustering(net))
    model.forget()


def quantized_file(
    model: DynamicModel,
    data: Any,
    path: str | Path,
    instance: str = "full",
    epochs: int = 1,
    learning_rate: float = 0.001,
    loss: Callable | None = None,
    batch_size: int = 128,
    callbacks: Sequence = (),
    verbose: Any = "auto",
) -> Path:
    """One instance after tfmot's quantisation-aware training, as an int8 file.

    A plain TFLite file with one signature and no menu: for a comparison, or for tools
    that want it. At 8 bits there is nothing to win back: `tflite.export(...,
    precision="int8")` loses no accuracy, needs no training, and holds all instances.
    The model itself is not changed.

    Example:

    ```python
    kd.compress.quantized_file(model, train, "full_int8.tflite")
    ```

    Args:
        model: A `DynamicModel` of stock layers, calibrated.
        data: Labelled images, as for `prune`.
        path: Where to write.
        instance: Name of the instance.
        epochs: How often to go through the data.
        learning_rate: Of SGD with momentum 0.9, falling to zero by a cosine.
        loss: As for `prune`.
        batch_size: Images a step, where the data is arrays.
        callbacks: Callbacks of `tf_keras` for its `fit`.
        verbose: 0 silences the progress bar.

    Returns:
        The path.
    """
    path = Path(path)
    files.check_writable(path)
    copy = checked(model).at(instance, copy=True)
    with _library() as tfmot:
        bridge = Bridge(copy)
        tools = tfmot.quantization.keras
        net = _quantizable(tools, bridge.net)
        fit = dict(batch_size=batch_size, callbacks=callbacks, verbose=verbose)
        _fit(net, bridge, data, epochs, learning_rate, loss, **fit)
        files.write(path, _int8(net))
    return path


@contextlib.contextmanager
def _library() -> Iterator[Any]:
    """tfmot; what importing it does to the process is undone."""
    if keras.backend.backend() != "tensorflow":
        raise DynresError(
            "tensorflow-model-optimization needs Keras' TensorFlow backend. Received: "
            f"KERAS_BACKEND={keras.backend.backend()!r}."
        )
    import tensorflow as tf

    hasattr(tf.keras, "layers")  # Loaded now, it stays Keras 3's.
    before = os.environ.get(_FLAG)
    try:
        with warnings.catch_warnings():
            # Its own habits: old version classes, and what a tf_keras of late dislikes.
            warnings.simplefilter("ignore")
            try:
                import tensorflow_model_optimization as tfmot
            except ImportError as error:
                raise DynresError(
                    "This needs tensorflow-model-optimization: "
                    f"pip install keras-dynres[tfmot]. Received: {error}."
                ) from error
            yield tfmot
    finally:
        os.environ.pop(_FLAG, None)
        if before is not None:
            os.environ[_FLAG] = before


def _wrapped(
    net: Any, kinds: Sequence[str], wrap: Callable, wanted: Callable = bool
) -> Any:
    """A copy of the net with the layers of some kinds in a wrapper."""
    import tf_keras

    def clone(layer):
        fits = type(layer).__name__ in kinds and wanted(layer)
        return wrap(layer) if fits else layer

    return tf_keras.models.clone_model(net, clone_function=clone)


def _zeros(net: Any, kinds: Sequence[str], sparsity: float) -> dict[str, float]:
    """{layer's name: share of its kernel that becomes zero}, where any does."""
    scores = {
        layer.name: _scores(layer.get_weights()[0])
        for layer in net.layers
        if type(layer).__name__ in kinds
    }
    border = np.quantile(np.concatenate([*scores.values()]), sparsity)
    shares = {name: float(np.mean(score < border)) for name, score in scores.items()}
    return {name: share for name, share in shares.items() if share}


def _scores(kernel: np.ndarray) -> np.ndarray:
    """Each weight's square over the sum of those no smaller: 1 for the largest."""
    squares = np.sort(np.square(kernel, dtype="float64"), axis=None)
    return squares / np.maximum(np.cumsum(squares[::-1])[::-1], np.finfo(float).tiny)


def _fit(net, bridge, data, epochs, learning_rate, loss, batch_size, **options):
    import tf_keras

    steps = _steps(data, batch_size)
    rate = tf_keras.optimizers.schedules.CosineDecay(learning_rate, steps * epochs)
    optimizer = tf_keras.optimizers.SGD(rate, momentum=0.9)
    losses = [loss] * len(net.outputs) if loss else bridge.losses()
    names = net.output_names
    metrics = ["accuracy"] if loss is None else None
    net.compile(optimizer, dict(zip(names, losses, strict=True)), metrics=metrics)
    net.fit(
        _repeated(data, batch_size, names),
        steps_per_epoch=steps,
        epochs=epochs,
        **options,
    )


def _steps(data: Any, batch_size: int) -> int:
    steps = count_batches(data, batch_size)
    if steps is None or steps < 1:
        raise DynresError(
            "How many batches the data holds is not known: give arrays, a list, or a "
            "dataset of known length (dataset.apply(tf.data.experimental."
            f"assert_cardinality(n))). Received: {type(data).__name__}."
        )
    return steps


def _repeated(data: Any, batch_size: int, names: Sequence[str]) -> Iterator[tuple]:
    """Batches without an end, labels for every output."""
    while True:
        for images, labels in batches(data, batch_size):
            if labels is None:
                raise DynresError("Training needs labels. Received: images alone.")
            yield images, dict.fromkeys(names, labels)


def _quantizable(tools: Any, net: Any) -> Any:
    """The net with fake quantisation wherever the int8 converter quantises."""
    import tf_keras

    class OutputConfig(tools.QuantizeConfig):
        """Eight bits for what a layer gives; its weights stay as they are."""

        def get_weights_and_quantizers(self, layer):
            return []

        def get_activations_and_quantizers(self, layer):
            return []

        def set_quantize_weights(self, layer, quantize_weights):
            pass

        def set_quantize_activations(self, layer, quantize_activations):
            pass

        def get_output_quantizers(self, layer):
            return [
                tools.quantizers.MovingAverageQuantizer(
                    num_bits=8, per_axis=False, symmetric=False, narrow_range=False
                )
            ]

        def get_config(self):
            return {}

    def annotated(layer):
        # It is refused by itself, and known behind a convolution alone.
        config = OutputConfig() if _stands_alone(layer) else None
        return tools.quantize_annotate_layer(layer, config)

    with tools.quantize_scope({"OutputConfig": OutputConfig}):
        marked = tf_keras.models.clone_model(net, clone_function=annotated)
        return tools.quantize_apply(marked)


def _stands_alone(layer: Any) -> bool:
    if type(layer).__name__ == "Resizing":
        return True
    if type(layer).__name__ != "BatchNormalization":
        return False
    before = layer.inbound_nodes[0].inbound_layers
    folds = type(before).__name__ in ("Conv2D", "DepthwiseConv2D")
    return not folds or len(before.outbound_nodes) > 1


def _int8(net: Any) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(net)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()

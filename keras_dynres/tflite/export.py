"""A model's menu into one `.tflite` file."""

import dataclasses
import tempfile
from pathlib import Path

import keras
import numpy as np

from keras_dynres import files
from keras_dynres.errors import DynresError, did_you_mean
from keras_dynres.instance import FULL, Menu
from keras_dynres.tflite import describe, metadata
from keras_dynres.tflite.checks import check_signature
from keras_dynres.tflite.convert import PRECISIONS, convert

# More images change the ranges of activations no more, and each is run per instance.
CALIBRATION_IMAGES = 200
_VERIFY_IMAGES = 16


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """What `export` wrote and found.

    Args:
        paths: The files, one unless `separate`.
        sizes: Their sizes in bytes.
        precision: What the weights and activations are stored as.
        signatures: Maps each instance's name to its `SignatureCheck`.
        notes: Sentences a user should know.
    """

    paths: tuple
    sizes: tuple
    precision: str
    signatures: dict
    notes: tuple = ()

    @property
    def path(self):
        """The (first) file."""
        return self.paths[0]

    @property
    def size(self):
        """Bytes of all files together."""
        return sum(self.sizes)

    def __str__(self):
        where = self.path if len(self.paths) == 1 else f"{len(self.paths)} files"
        lines = [f"{where}: {self.size:,} bytes, {self.precision}"]
        width = max(map(len, self.signatures))
        for name, found in self.signatures.items():
            left = ", ".join(f"{count} {op}" for op, count in found.left.items())
            lines.append(
                f"  {name:{width}}  differs from Keras by {found.error:.1e}, top class "
                f"agrees on {100 * found.agreement:.0f} %, "
                + (f"not on XNNPACK: {left}" if left else "whole on XNNPACK")
            )
        return "\n".join([*lines, *self.notes])


def export(
    model,
    path,
    instances="pareto",
    precision="float32",
    calibration_data=None,
    separate=False,
    labels=None,
    preprocessing=None,
    verify_data=None,
    verbose=1,
):
    """Writes instances of a model into one TFLite file, a signature for each.

    Signatures are named as in the menu. Weights that instances share are stored once
    in every precision. Input and output are float32, one image a call. The file is
    checked before it appears: each signature must compute what `model.at(name)`
    computes, and the hash inside guards it from then on.

    **Keep XNNPACK's weight cache off for `"int8"` and `"int8-weights"`.** It
    mistakes kernels that instances share at different scales for one another and
    returns wrong logits without an error. The metadata of the file say so
    (`weight_cache`), and `Runner` never enables it.

    Args:
        model: A `keras_dynres.DynamicModel`, calibrated.
        path: Where to write. With `separate`, `net.tflite` becomes
            `net.p1@0.5.tflite` and so on.
        instances: `"pareto"` takes the instances that no cheaper one matches, and
            `full`; all of them where no accuracy was measured. Or `"all"`, a name, or
            names.
        precision: `"float32"`; `"float16"` stores weights in half the bytes;
            `"int8"` computes in integers; `"int8-weights"` stores weights as integers
            and computes activations' ranges as it runs.
        calibration_data: Images as the model takes them, an array or batches (a
            `tf.data.Dataset` of images or of (images, labels)); `"int8"` needs them
            and takes the first 200.
        separate: Whether to write one file for each instance.
        labels: Names of the classes, in order.
        preprocessing: What turns pixels into input: `{"mean": [...], "std": [...],
            "scale": 255}`.
        verify_data: Images to check the file with, like `calibration_data`; by
            default those, else random ones.
        verbose: 0 prints nothing.

    Returns:
        An `ExportReport`: sizes, differences from Keras, and which operators
        XNNPACK does not run.

    Example:

    ```python
    model = keras_dynres.SDPoint(base)
    ...
    report = keras_dynres.tflite.export(
        model, "net.tflite", precision="int8", calibration_data=train_images[:200]
    )
    print(report)
    ```
    """
    _check_arguments(model, precision, path)
    names, notes = chosen(model, instances)
    graphs = {name: model.at(name) for name in names}
    shape = _input_shape(graphs)
    facts = describe.facts(model, graphs, precision, labels, preprocessing)
    calibration = None
    if precision == "int8":
        calibration = _images(
            calibration_data, "calibration_data", shape, CALIBRATION_IMAGES
        )
    images = _verify_images(verify_data, calibration, shape)
    path = Path(path)
    wanted = {path: names}
    if separate:
        wanted = {
            path.with_name(f"{path.stem}.{name}{path.suffix}"): [name] for name in names
        }
    if verbose:
        print(f"Converting {len(names)} instances to {precision} ...", flush=True)
    contents, checks = {}, {}
    bar = keras.utils.Progbar(len(names), verbose=verbose, unit_name="instance")
    for file, held in wanted.items():
        data = convert({n: graphs[n] for n in held}, precision, calibration)
        for name in held:
            checks[name] = check_signature(data, name, graphs[name], images, precision)
            bar.update(len(checks))
        kept = describe.with_checks(facts, {n: checks[n] for n in held})
        contents[file] = metadata.write_metadata(data, kept)
    # Only now, when every file is known to be right, does the first one appear.
    for file, data in contents.items():
        files.write(file, data)
    sizes = tuple(len(data) for data in contents.values())
    report = ExportReport(
        tuple(map(str, contents)), sizes, precision, checks, tuple(notes)
    )
    if verbose:
        print(report)
    return report


def chosen(model, instances):
    """Names of the instances meant, cheapest first, and notes on the choice."""
    menu = model.menu
    if isinstance(instances, str) and instances == "all":
        return menu.names, []
    if isinstance(instances, str) and instances == "pareto":
        if all(each.figure("accuracy") is None for each in menu):
            return menu.names, [
                "No accuracy was measured (model.evaluate_menu), so every instance "
                "was exported instead of the Pareto ones."
            ]
        best = menu.pareto()
        return Menu({i.name: i for i in [*best, menu[FULL]]}.values()).names, []
    if isinstance(instances, str) or hasattr(instances, "name"):
        instances = [instances]
    wanted = {menu[each].name for each in instances}
    if not wanted:
        raise DynresError(
            "There is no instance to export. Received: instances=[]. "
            "Did you mean 'all'?"
        )
    return [name for name in menu.names if name in wanted], []


def _check_arguments(model, precision, path):
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise DynresError(
            "TFLite files are made under Keras's TensorFlow backend: save the model "
            "and export it in a process with KERAS_BACKEND=tensorflow. "
            f"Received: KERAS_BACKEND={backend!r}."
        )
    if not (hasattr(model, "menu") and hasattr(model, "at")):
        raise DynresError(
            "Expected a keras_dynres.DynamicModel, such as SDPoint(base). "
            f"Received: model={type(model).__name__}."
        )
    if precision not in PRECISIONS:
        raise DynresError(
            f"Unknown precision. Received: precision={precision!r}."
            f"{did_you_mean(precision, PRECISIONS)}"
        )
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError("it is a folder")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise DynresError(
            f"The file cannot be written: {error.strerror or error}. "
            f"Received: path={str(path)!r}."
        ) from error


def _input_shape(graphs):
    for name, model in graphs.items():
        shapes = [tuple(t.shape) for t in (*model.inputs, *model.outputs)]
        if len(shapes) != 2 or len(shapes[0]) != 4 or len(shapes[1]) != 2:
            raise DynresError(
                "A signature takes one batch of images and gives one row of logits. "
                f"Received: instance {name!r} with shapes {shapes}."
            )
        if None in shapes[0][1:]:
            raise DynresError(
                "TFLite needs a known image size: build the base with input_shape. "
                f"Received: instance {name!r} with input shape {shapes[0]}."
            )
    return shapes[0][1:]


def _images(data, name, shape, most):
    """Up to `most` images of an array, or of batches, in float32."""
    if data is None:
        raise DynresError(
            f"precision='int8' needs {name}: about a hundred images as the model takes "
            f"them, of shape {(None, *shape)}."
        )
    found = []
    for batch in [data] if hasattr(data, "shape") else data:
        batch = batch[0] if isinstance(batch, (tuple, list)) else batch
        batch = np.asarray(batch[: most - sum(map(len, found))])
        if batch.shape[1:] != shape:
            raise DynresError(
                f"{name} must hold images of shape {(None, *shape)}. "
                f"Received: shape {batch.shape}."
            )
        found.append(batch.astype("float32"))
        if sum(map(len, found)) >= most:
            break
    images = np.concatenate(found) if found else np.zeros((0, *shape))
    if not len(images):
        raise DynresError(f"{name} holds no images. Received: {data!r}.")
    if not np.isfinite(images).all():
        raise DynresError(f"{name} holds values that are not finite numbers.")
    return images


def _verify_images(verify_data, calibration, shape):
    if verify_data is not None:
        return _images(verify_data, "verify_data", shape, 10 * _VERIFY_IMAGES)
    if calibration is not None:
        return calibration[: 2 * _VERIFY_IMAGES]
    rng = np.random.default_rng(0)
    return rng.standard_normal((_VERIFY_IMAGES, *shape), "float32")

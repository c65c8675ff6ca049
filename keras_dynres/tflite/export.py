"""A model's menu into one `.tflite` file."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_dynres import exits, files
from keras_dynres.errors import DynresError
from keras_dynres.instance import FULL, Instance, Menu
from keras_dynres.tflite import conditions, facts, images, metadata, stages
from keras_dynres.tflite.checks import SignatureCheck, check_signature, check_stages
from keras_dynres.tflite.convert import convert
from keras_dynres.tflite.precision import precision_of


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """What `export` wrote and found.

    Args:
        paths: The files, one unless `separate`.
        sizes: Their sizes in bytes.
        precision: What the weights and activations are stored as.
        signatures: Maps each instance's name, and each stage's, to its
            `SignatureCheck`.
        notes: Sentences a user should know.
    """

    paths: tuple[str, ...]
    sizes: tuple[int, ...]
    precision: str
    signatures: dict[str, SignatureCheck]
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The (first) file."""
        return self.paths[0]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(self.sizes)

    def __str__(self) -> str:
        where = self.path if len(self.paths) == 1 else f"{len(self.paths)} files"
        lines = [f"{where}: {self.size:,} bytes, {self.precision}"]
        width = max(map(len, self.signatures))
        for name, check in self.signatures.items():
            lines.append(f"  {name:{width}}  {check}")
        return "\n".join([*lines, *self.notes])


def export(
    model: Any,
    path: str | Path,
    instances: str | Instance | Sequence[str | Instance] = "pareto",
    precision: str = "float32",
    calibration_data: Any = None,
    separate: bool = False,
    stages: bool | None = None,
    dynamic: bool = False,
    labels: Sequence | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    verify_data: Any = None,
    verbose: int = 1,
) -> ExportReport:
    """Writes instances of a model into one TFLite file, a signature for each.

    Signatures are named as in the menu. A model of several exits adds `stage1`,
    `stage2` and so on, each of which hands features on to the next: `Runner` stops
    between them. Weights that signatures share are stored once in every precision.
    Input and output are float32, one image a call; an output may be a row of classes
    or a map, and several go by their names. The file is checked before it appears:
    each signature must compute what `model.at(name)` computes, and the hash inside
    guards it from then on.

    **Keep XNNPACK's weight cache off for `"int8"` and `"int8-weights"`.** It
    mistakes kernels that instances share at different scales for one another and
    returns wrong logits without an error. The metadata of the file say so
    (`weight_cache`), and `Runner` never enables it.

    Args:
        model: A `keras_dynres.DynamicModel`, calibrated.
        path: Where to write. With `separate`, `net.tflite` becomes
            `net.p1@0.5.tflite` and so on.
        instances: `"pareto"` takes the instances that no cheaper one matches, and
            `full`; all of them where the figure that the menu chooses by was not
            measured. Or `"all"`, a name, or names.
        precision: `"float32"`; `"float16"` stores weights in half the bytes;
            `"int8"` computes in integers; `"int8-weights"` stores weights as integers
            and computes activations' ranges as it runs.
        calibration_data: Images as the model takes them, an array or batches (a
            `tf.data.Dataset` of images or of (images, labels)); `"int8"` needs them
            and takes the first 200.
        separate: Whether to write one file for each instance.
        stages: Whether to add the stages, all of them, whichever instances are
            chosen. By default where the model has any, unless `separate`.
        dynamic: Whether to export instances that compute as many points as an image
            needs, too; else they are left out. Their signatures have a second input,
            `shift`, a number that is added to the scores of points: at 0 those of the
            trained threshold are computed, above it more. The runtime must know shapes
            that depend on the image, as LiteRT's CPU runtime does.
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
    _check_arguments(model, path)
    kind = precision_of(precision)
    names, notes = chosen(model, instances)
    graphs = {name: model.at(name) for name in names}
    rows = _stage_rows(model, stages, separate)
    shape = _input_shape(graphs)
    if not dynamic:
        graphs, left_out = conditions.without_dynamic(graphs)
        names, notes = list(graphs), [*notes, *left_out]
    conditions.check(graphs, kind)
    shifted = {
        name: conditions.shiftable(graphs[name])
        for name in conditions.dynamic_names(graphs)
    }
    known = facts.facts(model, graphs, kind, labels, preprocessing, rows, list(shifted))
    calibration, samples = images.for_export(kind, calibration_data, verify_data, shape)
    exits = [model.at(row.exit) for row in rows]
    parts = _stage_graphs(model, rows)
    if verbose:
        held = f"{len(names)} instances" + f" and {len(rows)} stages" * bool(rows)
        print(f"Converting {held} to {precision} ...", flush=True)
    contents, checks = {}, {}
    count = len(names) + len(rows)
    bar = keras.utils.Progbar(count, verbose=verbose, unit_name="signature")
    for file, held in _files(Path(path), names, separate).items():
        nets = {**graphs, **shifted}
        wanted = {**{name: nets[name] for name in held}, **parts}
        data = convert(wanted, kind, calibration, rows)
        for check in itertools.chain(
            (
                check_signature(data, n, graphs[n], samples, kind, n in shifted)
                for n in held
            ),
            check_stages(data, rows, exits, samples, kind),
        ):
            checks[check.name] = check
            bar.update(len(checks))
        kept = facts.with_checks(known, {name: checks[name] for name in wanted})
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


def chosen(
    model: Any, instances: str | Instance | Sequence[str | Instance]
) -> tuple[list[str], list[str]]:
    """Names of the instances meant, cheapest first, and notes on the choice."""
    menu = model.menu
    if isinstance(instances, str) and instances == "all":
        return menu.names, []
    if isinstance(instances, str) and instances == "pareto":
        if all(instance.figure(menu.metric) is None for instance in menu):
            return menu.names, [
                f"No {menu.metric} was measured (model.evaluate_menu), so every "
                "instance was exported instead of the Pareto ones."
            ]
        best = menu.pareto()
        return Menu({i.name: i for i in [*best, menu[FULL]]}.values()).names, []
    if isinstance(instances, str) or hasattr(instances, "name"):
        instances = [instances]
    wanted = {menu[instance].name for instance in instances}
    if not wanted:
        raise DynresError(
            "There is no instance to export. Received: instances=[]. "
            "Did you mean 'all'?"
        )
    return [name for name in menu.names if name in wanted], []


def _check_arguments(model: Any, path: str | Path) -> None:
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
    files.check_writable(path)


def _stage_rows(
    model: Any, wanted: bool | None, separate: bool
) -> list[stages.StageRow]:
    without = wanted is False or wanted is None and separate
    rows = [] if without else stages.rows(model)
    if wanted and separate:
        raise DynresError(
            "Files of one instance each hold no stages: leave out separate or stages. "
            "Received: separate=True, stages=True."
        )
    if wanted and not rows:
        raise DynresError(
            f"{model.name!r} has no stages: its instances do not build on one another. "
            "Received: stages=True."
        )
    return rows


def _stage_graphs(
    model: Any, rows: Sequence[stages.StageRow]
) -> dict[str, keras.Model]:
    graphs = [stage.model for stage in exits.stages_of(model)] if rows else []
    return {row.signature: net for row, net in zip(rows, graphs, strict=True)}


def _files(path: Path, names: list[str], separate: bool) -> dict[Path, list[str]]:
    """The instances each file holds."""
    if not separate:
        return {path: names}
    return {path.with_name(f"{path.stem}.{n}{path.suffix}"): [n] for n in names}


def _input_shape(graphs: Mapping[str, keras.Model]) -> tuple[int, ...]:
    for name, model in graphs.items():
        shapes = [tuple(tensor.shape) for tensor in model.inputs]
        if len(shapes) != 1 or len(shapes[0]) != 4:
            raise DynresError(
                "A signature takes one batch of images. "
                f"Received: instance {name!r} with inputs of shapes {shapes}."
            )
        if None in shapes[0][1:]:
            raise DynresError(
                "TFLite needs a known image size: build the base with input_shape. "
                f"Received: instance {name!r} with input shape {shapes[0]}."
            )
    return shapes[0][1:]

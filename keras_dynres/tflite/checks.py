"""Whether a converted file computes what Keras computes, and on which kernels."""

import collections
import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_dynres import graph
from keras_dynres.errors import DynresError
from keras_dynres.tflite import conditions, flatbuffer, forms, stages
from keras_dynres.tflite.conditions import SHIFT
from keras_dynres.tflite.facts import output_names
from keras_dynres.tflite.flatbuffer import load
from keras_dynres.tflite.precision import Precision, precision_of
from keras_dynres.tflite.stages import INPUT, OUTPUT


@dataclasses.dataclass(frozen=True)
class OutputCheck:
    """What was found of one output of a signature.

    Args:
        error: Largest difference from Keras, as a share of the largest value where
            that exceeds 1.
        agreement: Share of the images, or of a map's positions, whose top class is
            Keras's; None where the last axis holds no classes.
        usual: The median over images of each one's largest difference.
    """

    error: float
    agreement: float | None
    usual: float


@dataclasses.dataclass(frozen=True)
class SignatureCheck:
    """What was found of one signature.

    Args:
        name: The instance's name.
        outputs: An `OutputCheck` for each output, by its name.
        operators: How many operators the graph has.
        left: Operators that XNNPACK does not run, name to count.
    """

    name: str
    outputs: Mapping[str, OutputCheck]
    operators: int
    left: dict

    @property
    def whole(self) -> bool:
        """Whether XNNPACK runs every operator."""
        return not self.left

    @property
    def error(self) -> float:
        """The largest of the outputs' errors."""
        return max(check.error for check in self.outputs.values())

    @property
    def agreement(self) -> float | None:
        """The least of the outputs' agreements; None where none has classes."""
        return min(self._agreements().values(), default=None)

    def facts(self) -> dict[str, Any]:
        """What the metadata keep of it."""
        facts = {
            "error": _rounded(self.error),
            "agreement": self.agreement,
            "not_delegated": self.left,
        }
        if len(self.outputs) > 1:
            facts["outputs"] = {
                name: {"error": _rounded(check.error), "agreement": check.agreement}
                for name, check in self.outputs.items()
            }
        return facts

    def __str__(self) -> str:
        several = len(self.outputs) > 1

        def listed(figures: Mapping[str, str]) -> str:
            return ", ".join(
                figure + f" ({name})" * several for name, figure in figures.items()
            )

        errors = {name: f"{check.error:.1e}" for name, check in self.outputs.items()}
        shares = {n: f"{100 * share:.0f} %" for n, share in self._agreements().items()}
        left = ", ".join(f"{count} {name}" for name, count in self.left.items())
        parts = [
            f"differs from Keras by {listed(errors)}",
            *([f"top class agrees on {listed(shares)}"] if shares else []),
            f"not on XNNPACK: {left}" if left else "whole on XNNPACK",
        ]
        return ", ".join(parts)

    def _agreements(self) -> dict[str, float]:
        return {
            name: check.agreement
            for name, check in self.outputs.items()
            if check.agreement is not None
        }


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def check_signature(
    data: bytes,
    name: str,
    model: keras.Model,
    images: np.ndarray,
    precision: str | Precision,
    dynamic: bool = False,
) -> SignatureCheck:
    """Runs one signature and compares it with the Keras model it was made from.

    Args:
        data: The file's bytes.
        name: The signature's name.
        model: The functional `keras.Model`.
        images: A float32 batch.
        precision: What the file was converted to.
        dynamic: Whether the signature takes a shift, which is 0 here.

    Returns:
        A `SignatureCheck`. A difference beyond the precision's tolerance, or a result
        that is not finite, raises.
    """
    run = load(lambda: data, [name], 1)[name]
    more = {SHIFT: np.float32(0)} if dynamic else {}
    runs = [run(**{INPUT: image[None], **more}) for image in images]
    outputs = {
        key: np.concatenate([outputs[key] for outputs in runs])
        for key in output_names(model)
    }
    return _check(data, name, outputs, model, images, precision)


def check_stages(
    data: bytes,
    rows: Sequence[stages.StageRow],
    models: Sequence[keras.Model],
    images: np.ndarray,
    precision: str | Precision,
) -> Iterator[SignatureCheck]:
    """Runs the stages one after another and compares each prediction with Keras's.

    Args:
        data: The file's bytes.
        rows: `StageRow`s.
        models: The functional `keras.Model` of each exit, from the images.
        images: A float32 batch.
        precision: What the file was converted to.

    Yields:
        A `SignatureCheck` for each stage, whose error is that of all stages until
        there.
    """
    if not rows:
        return
    runs = load(lambda: data, [row.signature for row in rows], 1)
    predictions = {row.signature: [] for row in rows}
    for image in images:
        for row, outputs in stages.run(rows, runs, image[None]):
            predictions[row.signature].append(outputs)
    for (name, batches), model in zip(predictions.items(), models, strict=True):
        outputs = {OUTPUT: np.concatenate(batches)}
        yield _check(data, name, outputs, model, images, precision)


def _check(
    data: bytes,
    name: str,
    outputs: Mapping[str, np.ndarray],
    model: keras.Model,
    images: np.ndarray,
    precision: str | Precision,
) -> SignatureCheck:
    precision = precision_of(precision)
    # A model trained in half precision is held to what its weights say in single.
    exact = keras.tree.flatten(forms.in_float32(model)(images, training=False))
    checks = {
        key: _compare(
            values, np.asarray(wanted, "float32"), graph.gives_classes(model, place)
        )
        for place, ((key, values), wanted) in enumerate(
            zip(outputs.items(), exact, strict=True)
        )
    }
    chooses = conditions.chooses(model)
    # Rounded weights choose other points of some image, one in about any.
    tolerance = math.inf if chooses and precision.optimized else precision.tolerance
    for key, check in checks.items():
        error = check.usual if chooses else check.error
        if error <= tolerance and math.isfinite(check.error):
            continue
        bounded = math.isfinite(tolerance)
        limit = f"{tolerance:g} is allowed" if bounded else "not finite"
        what = "logits differ" if len(checks) == 1 else f"{key!r} differs"
        raise DynresError(
            f"Signature {name!r} in {precision.name} does not compute what Keras "
            f"computes: {what} by {error:.3g} of their scale ({limit}); no file "
            "was written."
        )
    total, left = _operators(data, name)
    return SignatureCheck(name, checks, total, left)


def _compare(values: np.ndarray, wanted: np.ndarray, classes: bool) -> OutputCheck:
    scale = max(1.0, float(np.abs(wanted).max()))
    errors = np.abs(values - wanted).reshape(len(values), -1).max(axis=1) / scale
    usual, error = float(np.median(errors)), float(errors.max())
    if not classes or wanted.ndim < 2 or wanted.shape[-1] == 1:
        return OutputCheck(error, None, usual)
    agreement = float(np.mean(values.argmax(-1) == wanted.argmax(-1)))
    return OutputCheck(error, agreement, usual)


def _operators(data: bytes, name: str) -> tuple[int, dict[str, int]]:
    """How many operators a signature's graph has, and which are not delegated.

    The interpreter lists replaced operators too, and the plan of what really runs is
    hidden: it is found by walking back from the outputs. A delegate's node comes
    last, so it takes over the tensors of the operators it replaced.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=flatbuffer.select(data, [name]))
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()
    makers = {
        int(tensor): operator
        for operator in operators
        for tensor in operator["outputs"]
    }
    waiting = [output["index"] for output in interpreter.get_output_details()]
    seen, left = set(), collections.Counter()
    while waiting:
        maker = makers.get(int(waiting.pop()))
        if maker is None or maker["index"] in seen:
            continue
        seen.add(maker["index"])
        if maker["op_name"] != "DELEGATE":
            left[maker["op_name"]] += 1
        waiting.extend(int(tensor) for tensor in maker["inputs"])
    total = sum(operator["op_name"] != "DELEGATE" for operator in operators)
    return total, dict(left)

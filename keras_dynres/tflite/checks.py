"""Whether a converted file computes what Keras computes, and on which kernels."""

import collections
import dataclasses

import numpy as np

from keras_dynres.errors import DynresError
from keras_dynres.tflite import flatbuffer, forms, sessions, staging

# Largest difference of logits, as a share of the largest logit where that exceeds 1.
TOLERANCES = {"float32": 1e-4, "float16": 1e-2}


@dataclasses.dataclass(frozen=True)
class SignatureCheck:
    """What was found of one signature.

    Args:
        name: The instance's name.
        error: Largest difference from Keras, as a share of the largest logit
            where that exceeds 1.
        agreement: Share of the images whose top class is Keras's.
        operators: How many operators the graph has.
        left: Operators that XNNPACK does not run, name to count.
    """

    name: str
    error: float
    agreement: float
    operators: int
    left: dict

    @property
    def whole(self):
        """Whether XNNPACK runs every operator."""
        return not self.left


def check_signature(data, name, model, images, precision):
    """Runs one signature and compares it with the Keras model it was made from.

    Args:
        data: The file's bytes.
        name: The signature's name.
        model: The functional `keras.Model`.
        images: A float32 batch.
        precision: What the file was converted to.

    Returns:
        A `SignatureCheck`. A difference beyond `TOLERANCES`, or a result that is not
        finite, raises.
    """
    run = sessions.load(lambda: data, [name], 1)[name]
    found = np.concatenate([run(images=image[None])["outputs"] for image in images])
    return _check(data, name, found, model, images, precision)


def check_stages(data, rows, models, images, precision):
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
    runs = sessions.load(lambda: data, [row.signature for row in rows], 1)
    found = {row.signature: [] for row in rows}
    for image in images:
        for row, outputs in staging.run(rows, runs, image[None]):
            found[row.signature].append(outputs)
    for (name, each), model in zip(found.items(), models, strict=True):
        yield _check(data, name, np.concatenate(each), model, images, precision)


def _check(data, name, found, model, images, precision):
    # A model trained in half precision is held to what its weights say in single.
    exact = forms.in_float32(model)
    wanted = np.asarray(exact(images, training=False), "float32")
    scale = max(1.0, float(np.abs(wanted).max()))
    error = float(np.abs(found - wanted).max()) / scale
    allowed = TOLERANCES.get(precision, np.inf)
    if not error <= allowed:  # NaN fails too
        limit = f"{allowed:g} is allowed" if np.isfinite(allowed) else "not finite"
        raise DynresError(
            f"Signature {name!r} in {precision} does not compute what Keras computes: "
            f"logits differ by {error:.3g} of their scale ({limit}); no file was "
            "written."
        )
    agreement = float(np.mean(found.argmax(-1) == wanted.argmax(-1)))
    total, left = _operators(data, name)
    return SignatureCheck(name, error, agreement, total, left)


def _operators(data, name):
    """How many operators a signature's graph has, and which are not delegated.

    The interpreter lists replaced operators too, and the plan of what really runs is
    hidden: it is found by walking back from the outputs. A delegate's node comes
    last, so it takes over the tensors of the operators it replaced.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=flatbuffer.select(data, [name]))
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()
    makers = {int(t): each for each in operators for t in each["outputs"]}
    waiting = [each["index"] for each in interpreter.get_output_details()]
    seen, left = set(), collections.Counter()
    while waiting:
        maker = makers.get(int(waiting.pop()))
        if maker is None or maker["index"] in seen:
            continue
        seen.add(maker["index"])
        if maker["op_name"] != "DELEGATE":
            left[maker["op_name"]] += 1
        waiting.extend(int(t) for t in maker["inputs"])
    total = sum(each["op_name"] != "DELEGATE" for each in operators)
    return total, dict(left)

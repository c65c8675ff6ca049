"""Which points of a map are computed."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres.errors import one_of
from keras_dynres.layers.noise_field import even_order, noise_field

SAMPLINGS = ("stochastic", "deterministic", "relu", "uniform")
NOISES = ("white", "blue", "fresh")
# Added to the score of the grid's points, so that they come first.
_FIRST = 20.0
_TINY = 1e-8
# The odds of a point that is sure, in logarithms.
_SURE = -math.log(_TINY)


@keras.saving.register_keras_serializable(package="keras_dynres")
class SamplingMask(keras.layers.Layer):
    """The mask of a map's points by their scores: soft in training, hard elsewhere.

    Args:
        size: Height and width of the map.
        sampling: `"stochastic"`: a two-class Gumbel softmax, so that a point is sampled
            as likely as the sigmoid of its score; `"deterministic"`: the same without
            the noise; `"relu"`: the score itself where it is positive, not binary;
            `"uniform"`: an even grid, whatever the scores.
        grid: Distance of the points that are always sampled; 0 for none.
        noise: Of inference, where sampling is stochastic: a field that is a part of the
            model, `"white"` or `"blue"` (which spreads samples better), or `"fresh"`,
            drawn anew at each call.
        column: Which of the scores are this mask's.
        sparse_loss: What the mean confidence is multiplied by in the loss.
        seed: Of the noise.

    Call arguments:
        scores: (batch, height, width, masks); of `"uniform"` anything of that batch.
        count: How many points are sampled, those of the highest scores; by default
            those that the sampling chooses.

    Example:

    >>> mask = SamplingMask((2, 2), "deterministic", grid=0)
    >>> scores = keras.ops.reshape([3.0, -1.0, -2.0, 1.0], (1, 2, 2, 1))
    >>> keras.ops.convert_to_numpy(mask(scores)).ravel().tolist()
    [1.0, 0.0, 0.0, 1.0]
    >>> keras.ops.convert_to_numpy(mask(scores, count=1)).ravel().tolist()
    [1.0, 0.0, 0.0, 0.0]
    """

    # In training, until `follow` says otherwise.
    _temperature = staticmethod(lambda: 1.0)

    def __init__(
        self,
        size: Sequence[int],
        sampling: str = "stochastic",
        grid: int = 11,
        noise: str = "white",
        column: int = 0,
        sparse_loss: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size = tuple(size)
        self.column = int(column)
        self.sampling = one_of("sampling", sampling, SAMPLINGS)
        self.noise = one_of("noise", noise, NOISES)
        self.grid = int(grid)
        self.sparse_loss = float(sparse_loss)
        self.seed = int(seed)
        self.generator = keras.random.SeedGenerator(self.seed)
        # Of the latest training step, for the logs.
        self.density = self.add_weight(
            shape=(),
            initializer="ones",
            trainable=False,
            dtype="float32",
            autocast=False,
            aggregation="only_first_replica",
            name="density",
        )

    def build(self, input_shape: Any = None) -> None:
        """Has nothing to make: weights do not depend on the input."""

    @property
    def random(self) -> bool:
        """Whether inference draws noise."""
        return self.sampling == "stochastic" and self.noise == "fresh"

    @property
    def by_scores(self) -> bool:
        """Whether scores decide which points are sampled."""
        return self.sampling != "uniform"

    @property
    def binary(self) -> bool:
        """Whether a hard mask is 0 or 1."""
        return self.sampling != "relu"

    @property
    def points(self) -> int:
        """How many points the map has."""
        return math.prod(self.size)

    @property
    def grid_points(self) -> int:
        """How many of them are always sampled."""
        if not self.grid:
            return 0
        return math.prod(math.ceil(n / self.grid) for n in self.size)

    def follow(self, temperature: Callable[[], Any]):
        """Takes the temperature of each training pass from a function."""
        self._temperature = temperature

    def compute_output_spec(self, scores: Any, **options: Any) -> keras.KerasTensor:
        """One mask."""
        del options
        return keras.KerasTensor((scores.shape[0], *self.size, 1), "float32")

    def call(
        self, scores: Any, count: int | None = None, training: bool = False
    ) -> Any:
        """The mask, float32."""
        if self.sampling == "uniform" or not training:
            return self.hard(scores, count)
        mask = self.soft(scores, count)
        if count is None:
            hard = mask > 0 if self.sampling == "relu" else mask >= 0.5
            self.density.assign(ops.mean(ops.cast(hard, "float32")))
            confidence = self.confidence(self._own(scores))
            self.add_loss(self.sparse_loss * ops.mean(confidence))
        return mask

    def confidence(self, scores: Any) -> Any:
        """How likely each point is sampled; of the ReLU, how open its gate is."""
        return ops.relu(scores) if self.sampling == "relu" else ops.sigmoid(scores)

    # === Inference ===

    def ranks(self, scores: Any) -> Any:
        """By which points are chosen: the largest first, those above 0 by threshold."""
        if self.sampling == "uniform":
            images = ops.zeros_like(ops.reshape(scores[:, :1, :1, :1], (-1, 1, 1, 1)))
            order = even_order(*self.size)[None, :, :, None]
            return ops.cast(images, "float32") + order
        ranks = self._own(scores)
        if self.random:
            ranks = ranks + _logistic(ops.shape(ranks), self.generator)
        elif self.sampling == "stochastic":
            field = noise_field(self.noise, *self.size, self.seed)
            ranks = ranks + field[None, :, :, None]
        return ranks + _FIRST * self._grid_map

    def chosen(self, ranks: Any, count: int) -> Any:
        """The `count` points of the highest rank: their positions, (batch, count)."""
        return ops.top_k(ops.reshape(ranks, (-1, self.points)), count)[1]

    def above(self, ranks: Any) -> Any:
        """Which points are sampled by threshold; at least one in each image."""
        best = ops.max(ranks, axis=(1, 2, 3), keepdims=True)
        return ops.logical_or(ranks > 0, ranks >= best)

    def hard(self, scores: Any, count: int | None = None) -> Any:
        """The mask that inference uses."""
        ranks = self.ranks(scores)
        if count is None:
            mask = ops.cast(self.above(ranks), "float32")
        else:
            index = self.chosen(ranks, count)
            mask = ops.sum(ops.one_hot(index, self.points, dtype="float32"), axis=1)
            mask = ops.reshape(mask, (-1, *self.size, 1))
        return mask if self.binary else mask * self.gates(scores)

    def gates(self, scores: Any) -> Any:
        """What a point's features are multiplied by, where the mask is not binary."""
        return ops.maximum(ops.relu(self._own(scores)), self._grid_map)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {
            **super().get_config(),
            "size": self.size,
            "sampling": self.sampling,
            "grid": self.grid,
            "noise": self.noise,
            "column": self.column,
            "sparse_loss": self.sparse_loss,
            "seed": self.seed,
        }

    # Keras itself saves no generator: a resumed training would draw other noise.

    def save_own_variables(self, store: Any) -> None:
        """Stores the generator's state too."""
        super().save_own_variables(store)
        store["generator"] = self.generator.state

    def load_own_variables(self, store: Any) -> None:
        """Loads what `save_own_variables` stored."""
        self.density.assign(store["0"])
        self.generator.state.assign(store["generator"])

    # === Training ===

    def soft(self, scores: Any, count: int | None = None) -> Any:
        """The mask that training uses, near 0 and 1 at a low temperature."""
        return ops.maximum(self._soft(self._own(scores), count), self._grid_map)

    def uniform(self, shape: Any) -> Any:
        """Noise of [0, 1), drawn once for each of the two classes."""
        return keras.random.uniform(shape, dtype="float32", seed=self.generator)

    def _own(self, scores):
        """The scores of this mask alone, float32."""
        column = scores[..., self.column : self.column + 1]
        return ops.cast(column, "float32")

    @property
    def _grid_map(self):
        """Ones at the grid's points, (1, height, width, 1)."""
        ones = np.zeros((1, *self.size, 1), "float32")
        if self.grid:
            ones[:, :: self.grid, :: self.grid] = 1
        return ones

    def _soft(self, scores, count):
        if self.sampling == "relu":
            gates = ops.relu(scores)
            if count is None:
                return gates
            top = scores + _FIRST * self._grid_map > self._threshold(scores, count)
            return gates * ops.cast(top, "float32")
        # In place of log(p + 1e-8) - log(1 - p + 1e-8), p the sigmoid: a compiled graph
        # folds 1 + 1e-8 to 1, and takes the logarithm of 0 where a point is sure.
        odds = ops.clip(scores, -_SURE, _SURE)
        if self.sampling == "stochastic":
            odds = odds + _gumbel(self.uniform(ops.shape(scores)))
            odds = odds - _gumbel(self.uniform(ops.shape(scores)))
        if count is not None:
            odds = _centred(odds)
            odds = odds - self._threshold(odds, count)
        return ops.sigmoid(odds / (self._temperature() + _TINY))

    def _threshold(self, ranks, count):
        """What has `count` points above it, the grid's among them, of each image."""
        ranks = ops.stop_gradient(ranks) + _FIRST * self._grid_map
        more = min(count + 1, self.points)
        best = ops.top_k(ops.reshape(ranks, (-1, self.points)), more)[0]
        last = best[:, -1] if more > count else best[:, -1] - _FIRST
        return ops.reshape((best[:, count - 1] + last) / 2, (-1, 1, 1, 1))


def _centred(odds: Any) -> Any:
    """Without each image's mean, for among a count of points only differences matter.

    A threshold that just follows would let the gradients of all points, each of which
    is better sampled than not, raise the scores without end.
    """
    return odds - ops.mean(odds, axis=(1, 2, 3), keepdims=True)


def _gumbel(uniform: Any) -> Any:
    return -ops.log(-ops.log(uniform + _TINY) + _TINY)


def _logistic(shape: Any, seed: keras.random.SeedGenerator) -> Any:
    """The difference of two Gumbel draws."""
    u = keras.random.uniform(shape, 1e-6, 1 - 1e-6, dtype="float32", seed=seed)
    return ops.log(u) - ops.log(1 - u)

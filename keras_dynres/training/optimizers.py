"""Optimizers: SGD as the papers mean it, and Muon for convolutions."""

from typing import Any

import keras
from keras import ops

# Of a polynomial that brings singular values from (0, 1] near 1 in a few rounds.
_FACTORS = (3.4445, -4.7750, 2.0315)


@keras.saving.register_keras_serializable(package="keras_dynres")
class CoupledSGD(keras.optimizers.SGD):
    """SGD whose weight decay passes through the momentum, as published nets use it.

    Keras' own `weight_decay` shrinks the weights beside the momentum: with momentum
    0.9 that is a tenth of what the same number means in the papers' recipes.

    Args:
        *args: As of `keras.optimizers.SGD`.
        coupled_decay: Added to the gradient, times the weight.
        decay_all: Whether vectors (scale, offset, bias) decay too.
        **kwargs: As of `keras.optimizers.SGD`.
    """

    def __init__(
        self,
        *args: Any,
        coupled_decay: float = 0.0,
        decay_all: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.coupled_decay = coupled_decay
        self.decay_all = decay_all

    def update_step(
        self, gradient: Any, variable: keras.Variable, learning_rate: Any
    ) -> None:
        """One variable's update."""
        if self.coupled_decay and (self.decay_all or len(variable.shape) > 1):
            gradient = gradient + ops.cast(self.coupled_decay, gradient.dtype) * (
                ops.cast(variable, gradient.dtype)
            )
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {"coupled_decay": self.coupled_decay, "decay_all": self.decay_all}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="keras_dynres")
class ConvolutionMuon(CoupledSGD):
    """Muon (Jordan, 2024) for kernels of convolutions, SGD for all other weights.

    The gradient of a kernel, after the momentum, is made orthogonal: all its directions
    are learned equally fast. The step is the learning rate times the kernel's own size,
    which it keeps, so that one rate serves kernels of any size and the other weights.
    Meant for convolutions with a batch norm behind them, to which size means nothing.
    Kernels of depthwise convolutions and of the classifier are left to SGD.

    Example:

    >>> optimizer = ConvolutionMuon(0.1, momentum=0.9, nesterov=True)
    >>> optimizer.turns(keras.Variable(keras.ops.ones((3, 3, 8, 16))))
    True

    Args:
        *args: As of `CoupledSGD`.
        rounds: Of the iteration that makes a matrix orthogonal.
        **kwargs: As of `CoupledSGD`; the decay is for the weights that SGD moves.
    """

    def __init__(self, *args: Any, rounds: int = 5, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rounds = rounds

    @staticmethod
    def turns(variable: keras.Variable) -> bool:
        """Whether steps of a weight are made orthogonal."""
        return len(variable.shape) == 4 and min(variable.shape[2:]) > 1

    def update_step(
        self, gradient: Any, variable: keras.Variable, learning_rate: Any
    ) -> None:
        """One variable's update."""
        if not self.turns(variable):
            super().update_step(gradient, variable, learning_rate)
            return
        gradient = ops.cast(gradient, variable.dtype)
        if self.momentum:
            moment = self.momentums[self._get_variable_index(variable)]
            self.assign(moment, moment * self.momentum + gradient)
            ahead = gradient + self.momentum * moment
            gradient = ahead if self.nesterov else ops.convert_to_tensor(moment)
        matrix = ops.reshape(gradient, (-1, variable.shape[-1]))
        step = ops.reshape(orthogonal(matrix, self.rounds), variable.shape)
        size, kernel = _size(variable), ops.convert_to_tensor(variable)
        rate = ops.cast(learning_rate, variable.dtype)
        moved = kernel - rate * size / _size(step) * step
        self.assign(variable, moved * size / _size(moved))

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "rounds": self.rounds}


def orthogonal(matrix: Any, rounds: int = 5) -> Any:
    """A matrix of the same directions, all about equally long (Newton-Schulz).

    >>> made = orthogonal(keras.ops.diag([5.0, 1.0]), rounds=10)
    >>> bool(keras.ops.all(keras.ops.abs(keras.ops.diag(made) - 1) < 0.35))
    True

    Args:
        matrix: Any; zeros stay zeros.
        rounds: Of the iteration.
    """
    rows, columns = matrix.shape
    if rows < columns:
        return ops.transpose(orthogonal(ops.transpose(matrix), rounds))
    a, b, c = _FACTORS
    matrix = matrix / _size(matrix)
    # All rounds are polynomials of this one small square, which commute: it alone is
    # multiplied, and the long matrix once, at the end.
    square = ops.transpose(matrix) @ matrix
    same = ops.eye(columns, dtype=matrix.dtype)
    product = same
    for _ in range(rounds):
        turn = a * same + b * square + c * square @ square
        product = turn @ product
        square = turn @ square @ turn
    return matrix @ product


def _size(values):
    """The root of the sum of squares, never 0."""
    return ops.sqrt(ops.sum(ops.square(values))) + 1e-7

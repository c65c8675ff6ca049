"""What one of several processes reads of each batch."""

import dataclasses
from typing import Any

import tensorflow as tf

from keras_dynres.errors import DynresError


@dataclasses.dataclass(frozen=True)
class Share:
    """One of several equal parts, in order, of each batch.

    Args:
        index: Which part.
        count: How many there are.
        batch_size: Images in a whole batch.

    Example:

    >>> Share(1, 2, batch_size=8).rows
    slice(4, 8, None)
    """

    index: int
    count: int
    batch_size: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count or self.batch_size % self.count:
            raise DynresError(
                "share is (which, of how many), counted from 0, and batch_size can be "
                f"divided by how many. Received: share={(self.index, self.count)}, "
                f"batch_size={self.batch_size}"
            )

    @property
    def size(self) -> int:
        """Images in the part."""
        return self.batch_size // self.count

    @property
    def rows(self) -> slice:
        """Where in the batch they are."""
        return slice(self.index * self.size, (self.index + 1) * self.size)

    def of_batch(self, *batch: Any) -> tuple:
        """The part of the tensors of a whole batch."""
        return tuple(tensor[self.rows] for tensor in batch)

    def holds(self, position: tf.Tensor) -> tf.Tensor:
        """Whether the part holds the image at a position among all batches."""
        return (position % self.batch_size) // self.size == self.index

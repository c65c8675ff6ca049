"""Which points each instance computes: how many of each mask, and blocks left whole."""

from collections.abc import Mapping, Sequence

from keras_dynres.errors import DynresError, did_you_mean, one_of
from keras_dynres.instance import FULL, Instance
from keras_dynres.methods.allocation import check_counts
from keras_dynres.methods.block_times import BlockTimes
from keras_dynres.methods.sampled_graph import SampledBlock

SAMPLED = "sampled"


class PointChoice:
    """How many points instances sample, and in which blocks.

    Args:
        parts: The `SampledBlock`s.
        densities: The density of each instance that has a fixed one.
        counts: `{instance: [count, ...]}`, other counts than the density's.

    Attributes:
        dense: The blocks that are computed whole, by instance.
        times: The `BlockTimes` that were measured, by instance; not saved, for they are
            a machine's.
    """

    def __init__(
        self,
        parts: Sequence[SampledBlock],
        densities: Mapping[str, float],
        counts: Mapping[str, Sequence[int]] | None = None,
    ):
        self.parts = list(parts)
        self._densities = dict(densities)
        self.counts = {name: list(row) for name, row in (counts or {}).items()}
        check_counts(self.counts, list(densities), self.masks)
        self.dense: dict[str, list[str]] = {}
        self.times: dict[str, BlockTimes] = {}

    @property
    def masks(self) -> list:
        """All masks, in order."""
        return [mask for part in self.parts for mask in part.masks]

    def of(self, name: str) -> list[int | None]:
        """How many points each mask samples in an instance, in dense blocks too.

        None is what the mask itself chooses.
        """
        if name == SAMPLED:
            return [None] * len(self.masks)
        return self.counts.get(name) or self.at_density(self._densities[name])

    def at_density(self, density: float) -> list[int]:
        """How many points of each mask a density is, the grid's among them."""
        return [
            max(1, round(density * mask.points), mask.grid_points)
            for mask in self.masks
        ]

    def sampled_in(self, name: str) -> list[tuple[SampledBlock, list[int | None]]]:
        """The blocks that an instance samples, each with the counts of its masks."""
        if name == FULL:
            return []
        numbers = iter(self.of(name))
        rows = [(part, [next(numbers) for _ in part.masks]) for part in self.parts]
        dense = self.dense.get(name, ())
        return [row for row in rows if row[0].block.name not in dense]

    def sampling(self, instance: str | Instance) -> str:
        """The instance's name, if it is any but `full`."""
        name = getattr(instance, "name", instance)
        if name == FULL:
            raise DynresError(
                f"{FULL!r} computes all points: take another instance. "
                f"Received: instance={FULL!r}.{self._near(name)}"
            )
        return name if name == SAMPLED else one_of("instance", name, self._densities)

    def fixed(self, instance: str | Instance) -> str:
        """The instance's name, if it has a fixed number of points."""
        name = self.sampling(instance)
        if name == SAMPLED:
            raise DynresError(
                f"{SAMPLED!r} computes as many points as an image has: take an "
                f"instance of a fixed number. Received: instance={SAMPLED!r}."
                f"{self._near(name)}"
            )
        return name

    def _near(self, name):
        return did_you_mean(name, list(self._densities))

    def blocks_of(self, names: Sequence[str]) -> list[str]:
        """The blocks of these names, in order."""
        known = [part.block.name for part in self.parts]
        wanted = [one_of("sampled block", name, known) for name in names]
        return [name for name in known if name in wanted]

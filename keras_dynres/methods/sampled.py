"""Sampling and interpolation: compute some points of a map, make the others of them."""

import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_dynres import cost, graph
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError
from keras_dynres.instance import FULL, Instance, Menu
from keras_dynres.methods import (
    allocation,
    sampled_costs,
    sampled_graph,
    sampled_options,
)
from keras_dynres.methods.block_times import BlockTimes, block_graphs
from keras_dynres.methods.gumbel import GumbelAnnealing
from keras_dynres.methods.point_choice import SAMPLED, PointChoice
from keras_dynres.methods.sampled_blocks import sampled_blocks
from keras_dynres.methods.sampled_plans import PLANS
from keras_dynres.methods.temperature import Temperature


@keras.saving.register_keras_serializable(package="keras_dynres")
class Sampled(DynamicModel):
    """Stochastic sampling and interpolation (Xie et al., ECCV 2020) over any base.

    The convolutions of residual blocks compute some points of their maps, chosen by a
    trained head from the block's input, and the others are interpolated. `full`
    computes all points; `sampled` those that the mask holds, of each image as many as
    it needs; `d0.25` a quarter of each mask's points, those of the highest perturbed
    confidence, the same number for each image.

    Args:
        base: A functional `keras.Model` with residual blocks.
        densities: Shares of points that instances compute, each in (0, 1].
        blocks: `"auto"` takes all residual blocks of two or three convolutions; or
            names of their additions; or a callable that is given the base and returns
            such names.
        first_blocks: Whether `"auto"` takes the blocks that begin a stage.
        masks: `"two"`: one for the first convolution of a bottleneck, one for the two
            others; `"shared"`: one for a block; `"each"`: one for each convolution. In
            basic blocks, one for each 3x3 convolution, or a shared one.
        sampling: `"stochastic"`, `"deterministic"` (no noise), `"relu"` (gates), or
            `"uniform"` (an even grid).
        interpolation: `"rbf"`, `"convolution"`, `"average"`, `"previous"`, `"zeros"`;
            see `layers.Interpolation`.
        window: Height and width of the interpolation's window; by default 5 for
            images up to 320 pixels, else 7.
        grid: Distance of the points that are always sampled, 0 for none; by default 2
            for images up to 320 pixels where all densities are above the quarter that
            it samples, else 11.
        noise: Of inference: `"white"` or `"blue"`, a field that is a part of the model,
            or `"fresh"`.
        sparse_loss: Weight of the loss that makes masks sparse.
        rate_factor: What gradients of mask heads and widths are multiplied by; with
            SGD that is their own learning rate.
        freeze_norms: Whether training leaves batch norms as they are, statistics, scale
            and offset.
        draw: What a training step trains: `"sampled"`, as the paper; `"random"`, one
            instance; `"sandwich"`: `full`, then `sampled` and a random density, which
            learn from `full`, where outputs are logits of classes; `"joint"`: the same
            three, which all learn from the labels, as in detectors.
        counts: How many points each mask samples in an instance, as `allocate` has
            found them: `{instance: [count, ...]}`.
        dense: Blocks that an instance computes whole: `{instance: [block, ...]}`.
        **kwargs: `statistics`, `seed`, `name` of `DynamicModel`; statistics are
            `"uniform"` by default.

    Example:

    >>> model = kd.Sampled(kd.architectures.resnet(18, (32, 32, 3), classes=10))
    >>> model.instances
    ['full', 'sampled', 'd0.5', 'd0.25', 'd0.1']

    Reference: https://arxiv.org/abs/2003.08866
    """

    def __init__(
        self,
        base: keras.Model,
        densities: Sequence[float] = (0.5, 0.25, 0.1),
        blocks: str | Sequence[str] | Callable = "auto",
        first_blocks: bool = True,
        masks: str = "two",
        sampling: str = "stochastic",
        interpolation: str = "rbf",
        window: int | None = None,
        grid: int | None = None,
        noise: str = "white",
        sparse_loss: float = 0.1,
        rate_factor: float = 1.0,
        freeze_norms: bool = False,
        draw: str | None = None,
        counts: Mapping[str, Sequence[int]] | None = None,
        dense: Mapping[str, Sequence[str]] | None = None,
        **kwargs: Any,
    ):
        flat = graph.flatten(base)
        blocks = sampled_blocks(flat, blocks, first_blocks)
        self._settings = sampled_options.resolved(
            blocks,
            flat.inputs[0].shape[1:3],
            {
                "densities": densities,
                "masks": masks,
                "sampling": sampling,
                "interpolation": interpolation,
                "window": window,
                "grid": grid,
                "noise": noise,
                "sparse_loss": sparse_loss,
                "rate_factor": rate_factor,
                "freeze_norms": freeze_norms,
                "draw": draw,
            },
        )
        kwargs = {"statistics": "uniform", "seed": 0, **kwargs}
        if freeze_norms and kwargs["statistics"] != "uniform":
            raise DynresError(
                "Frozen batch norms have no statistics of an instance's own. Received: "
                f"freeze_norms=True, statistics={kwargs['statistics']!r}"
            )
        asked = {**self._settings, "seed": int(kwargs["seed"])}
        parts = [
            sampled_graph.SampledBlock(block, asked, len(blocks), number)
            for number, block in enumerate(blocks)
        ]
        by_name = {_name_of(d): d for d in self._settings["densities"]}
        # An object that Keras does not look into, so that no graph is tracked.
        self._points = types.SimpleNamespace(
            choice=PointChoice(parts, by_name, counts), whole={}
        )
        super().__init__(base, **kwargs)
        # Only now: which statistics an instance has does not depend on it.
        for name, names in (dense or {}).items():
            name = self._choice.sampling(name)
            self._choice.dense[name] = self._choice.blocks_of(names)
        self.temperature = Temperature(name="temperature")
        self.heads = [head for part in parts for head in part.heads.values()]
        self.masks = [mask for part in parts for mask in part.masks]
        self.fills = [fill for part in parts for fill in part.fills]
        for mask in self.masks:
            mask.follow(self.temperature.value)
        self.plan = PLANS[self._settings["draw"]](self.instances, self.seed)
        if self.plan.teaches:
            _refuse_other_than_logits(base)

    # === What a method says ===

    def define_instances(self) -> Sequence[Instance]:
        """`full`, `sampled`, and `d0.25` for a quarter of the points."""
        sampled = [Instance(SAMPLED)] if self._settings["sampling"] != "uniform" else []
        densities = [
            Instance(_name_of(density), {"density": density})
            for density in self._settings["densities"]
        ]
        return [Instance(FULL), *sampled, *densities]

    def rule(self, instance: Instance) -> dict:
        """Blocks compute the instance's points and interpolate."""
        if instance.name == SAMPLED and not self._counts_by_image():
            warnings.warn(
                "'sampled' computes all points here and masks them: as many as an "
                "image has are computed on TensorFlow alone, and without deformable "
                "convolutions.",
                stacklevel=2,
            )
            return self.training_rule(instance)
        rows = self._choice.sampled_in(instance.name)
        return _point_edits(rows, instance.name)

    def training_rule(self, instance: Instance) -> dict:
        """Blocks compute all points, and masks soften what is sampled."""
        rows = self._choice.sampled_in(instance.name)
        edits = sampled_graph.merged(
            [part.dense_edits(counts) for part, counts in rows]
        )
        if not self._settings["freeze_norms"]:
            return edits
        return sampled_graph.merged([sampled_graph.frozen_norms(self.graph), edits])

    def cost_of(self, instance: Instance) -> Any:
        """Exact; of `sampled` that of an image all of whose points are sampled."""
        if instance.name == SAMPLED:
            return self.whole_cost(self._choice.dense.get(SAMPLED, ()))
        return super().cost_of(instance)

    def get_config(self) -> dict:
        """The arguments of `__init__`."""
        return {
            **super().get_config(),
            **self._settings,
            "counts": self._choice.counts,
            "dense": self._choice.dense,
        }

    # === Points ===

    @property
    def sampled_parts(self) -> list:
        """What sampling adds to each block: `SampledBlock`s."""
        return self._choice.parts

    def whole_cost(self, dense: Sequence[str] = ()) -> cost.Cost:
        """The `Cost` of an image all of whose points are sampled.

        Args:
            dense: Blocks that are computed whole.
        """
        key = tuple(dense)
        if key not in self._points.whole:
            rows = [
                (part, [mask.points for mask in part.masks])
                for part in self.sampled_parts
                if part.block.name not in key
            ]
            # With the base's batch norms: an instance's own cost the same.
            edits = _point_edits(rows, "whole")
            whole = graph.answers(graph.rewire(self.graph, edits))
            self._points.whole[key] = cost.count(whole)
        return self._points.whole[key]

    def published_macs(self, densities: float | Mapping[str, float]) -> float:
        """MACs as the published code counts them, at these densities of the masks.

        Mask heads once, the sampled convolutions times the density d of their mask,
        and for interpolation the whole window, `d (1 - d)` times, of each channel and
        point.

        Args:
            densities: One for all masks, or one for each by its name.
        """
        return sampled_costs.published_macs(self, densities)

    @property
    def blocks(self) -> dict[str, list[str]]:
        """The sampled blocks: each one's addition, and its masks."""
        return {
            part.block.name: [mask.name for mask in part.masks]
            for part in self._choice.parts
        }

    @property
    def interpolation_widths(self) -> dict[str, float]:
        """The trained width of each mask's interpolation: the larger, the narrower.

        Of other interpolations than `"rbf"` there are none.
        """
        pairs = zip(self.masks, self.fills, strict=True)
        return {
            mask.name: float(fill.width + 0)
            for mask, fill in pairs
            if fill.width is not None
        }

    def counts(self, instance: str | Instance) -> dict[str, int]:
        """How many points each mask samples in an instance of a fixed density.

        >>> model = kd.Sampled(kd.architectures.resnet(18, (32, 32, 3), classes=10))
        >>> model.counts("d0.25")["stage1_block1_conv1_mask"]
        256
        """
        return {
            mask.name: count
            for part, counts in self._choice.sampled_in(self.menu[instance].name)
            for mask, count in zip(part.masks, counts, strict=True)
        }

    def densities(
        self, data: Any, instance: str = SAMPLED, batches: int | None = None
    ) -> dict[str, np.ndarray]:
        """The share of points that each mask samples, of each image.

        Args:
            data: Images, as `calibrate` takes them.
            instance: The instance, by default the one of the paper's inference.
            batches: How many batches to use, by default all.
        """
        maps = self.sampled_points(data, instance, batches)
        return {name: mask.mean(axis=(1, 2)) for name, mask in maps.items()}

    def sampled_points(
        self, data: Any, instance: str = SAMPLED, batches: int | None = None
    ) -> dict[str, np.ndarray]:
        """Which points each mask samples: `{mask: (images, height, width)}`, booleans.

        Args:
            data: Images, as `calibrate` takes them.
            instance: The instance.
            batches: How many batches to use, by default all.
        """
        model = self.at(instance, uncalibrated=True, training=True)
        return sampled_costs.masks_over(model, data, batches)

    def with_statistics(self, statistics: str) -> "Sampled":
        """As of `DynamicModel`; heads and widths are copied."""
        other = super().with_statistics(statistics)
        for kind in ("heads", "fills", "masks"):
            pairs = zip(getattr(self, kind), getattr(other, kind), strict=True)
            for layer, copy in pairs:
                copy.set_weights(layer.get_weights())
        other.temperature.set_weights(self.temperature.get_weights())
        return other

    def _config_at_size(self):
        """Counts of points are those of a size."""
        return {**super()._config_at_size(), "counts": None}

    # === How many points, and where ===

    def allocate(
        self,
        data: Any,
        instance: str | Instance,
        macs: float | None = None,
        latency_ms: float | None = None,
        batches: int | None = None,
    ) -> Instance:
        """Gives masks the points that they make most of, under a budget.

        At first all masks of an instance sample one density, which is crude: some are
        surer than others what is worth computing. Here one shift of all scores is
        solved, the same for all masks, such that what they then sample on average over
        the images costs at most the budget. Each mask's count is fixed by it, for this
        instance, and saved with the model. Never are there fewer points than the
        grid's, or none.

        Scores are those of the instance as it is: called again, it starts from the
        counts that it has set. What was measured of the instance is dropped, and its
        batch-norm statistics want `calibrate`. Graphs that `at` gave before stay as
        they were.

        Example:

        ```python
        model.allocate(train, "d0.25", batches=20)  # Better points at the same cost.
        model.allocate(train, "d0.5", macs=20e6)
        ```

        Args:
            data: Images, as `calibrate` takes them.
            instance: An instance of a fixed density, or its name.
            macs: Budget in multiply-accumulates; by default what it costs now.
            latency_ms: Budget in milliseconds, by what a point of each block took when
                `kd.tflite.plan_blocks` measured the instance.
            batches: How many batches to use, by default all.

        Returns:
            The `Instance` of the menu.
        """
        name = self._fixed(instance)
        if not self.heads:
            raise DynresError(
                "An even grid has no scores by which points could be allocated. "
                f"Received: sampling={self._settings['sampling']!r}"
            )
        solved = allocation.allocated(self, data, name, macs, latency_ms, batches)
        self._choice.counts[name] = [
            solved.get(mask.name, count)
            for mask, count in zip(self.masks, self._choice.of(name), strict=True)
        ]
        self._renew(name)
        return self.menu[name]

    def compute_whole(
        self, instance: str | Instance, blocks: Sequence[str]
    ) -> Instance:
        """Chooses the blocks that an instance computes whole, and not at points.

        Sampling a block is not always quicker than computing it;
        `kd.tflite.plan_blocks` measures where it is, and calls this. Training takes the
        same blocks. Where the choice is another one than before, what was measured of
        the instance is dropped, and its batch-norm statistics want `calibrate`.

        >>> model = kd.Sampled(kd.architectures.resnet(18, (32, 32, 3), classes=10))
        >>> len(model.counts("d0.25"))
        16
        >>> model.compute_whole("d0.25", ["stage1_block1_add"]).name
        'd0.25'
        >>> len(model.counts("d0.25"))
        14

        Args:
            instance: Any instance but `full`, or its name.
            blocks: Names of `blocks`; others are sampled.

        Returns:
            The `Instance` of the menu.
        """
        choice = self._choice
        name = choice.sampling(self._graphs.named(instance))
        dense = choice.blocks_of(blocks)
        if dense != choice.dense.get(name, []):
            choice.dense[name] = dense
            choice.times.pop(name, None)
            self._renew(name)
        return self.menu[name]

    def block_graphs(self, instance: str | Instance) -> dict[str, dict]:
        """Small models of the blocks, each in several ways, to be measured.

        A block's model goes from what its convolutions work on to what is added at its
        end. `"dense"` computes all points, `"sampled"` those of the instance, and
        `"fewer"` half of them, or twice as many where half would be too few.

        Args:
            instance: An instance of a fixed density, or its name.

        Returns:
            `{block: {way: functional keras.Model}}`.
        """
        name = self._fixed(instance)
        return block_graphs(self.sampled_parts, self._choice.of(name), name)

    def block_times(self, instance: str | Instance) -> BlockTimes:
        """What `kd.tflite.plan_blocks` has measured of an instance here."""
        name, times = self._fixed(instance), self._choice.times
        if name not in times:
            raise DynresError(
                f"Nothing was measured of the blocks of {name!r} yet: run "
                f"kd.tflite.plan_blocks(model, {name!r}) first."
            )
        return times[name]

    def record_block_times(
        self,
        instance: str | Instance,
        blocks: Mapping[str, Mapping[str, float]],
        latency_ms: float,
        full_ms: float,
    ):
        """Keeps what was measured, for `allocate`; not saved, for it is a machine's.

        Args:
            instance: The instance.
            blocks: Milliseconds by the names of `block_graphs`, `{block: {way: ms}}`.
            latency_ms: Milliseconds of the instance.
            full_ms: Milliseconds of `full`.
        """
        name = self._fixed(instance)
        self._choice.times[name] = BlockTimes.of(
            self, self._choice.of(name), blocks, latency_ms, full_ms
        )

    # === Training ===

    def anneal(self, start: float, end: float, steps: int):
        """Lets the temperature fall, to be `end` in step `steps`, counted from 1.

        `kd.callbacks.GumbelAnnealing` calls it. Steps that were trained before count.
        """
        # A pass is one instance's; a step may train several.
        passes = steps * len(self.plan.names_at(0))
        self.temperature.fall(start, end, passes)

    def training_densities(self) -> dict[str, float]:
        """The share of points that each mask sampled in the latest training step."""
        return {mask.name: float(mask.density + 0) for mask in self.masks}

    def callbacks_of(
        self, callbacks: list[keras.callbacks.Callback]
    ) -> list[keras.callbacks.Callback]:
        """The temperature falls from 1 to 0.01 unless one of the callbacks steers it.

        `GumbelAnnealing` runs before all other callbacks, which see its logs. Where it
        is not known how many steps there are, give `GumbelAnnealing(steps=)`.
        """
        own = [c for c in callbacks if isinstance(c, GumbelAnnealing)]
        return [*(own or [GumbelAnnealing()]), *(c for c in callbacks if c not in own)]

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Runs the instance being trained, or `full`; training lets masks harden."""
        outputs = super().call(inputs, training=training)
        if training:
            self.temperature.advance()
        return outputs

    def evaluate_menu(
        self,
        data: Any,
        instances: Sequence[str | Instance] | None = None,
        metrics: Any = None,
        verbose: Any = "auto",
    ) -> Menu:
        """As of `DynamicModel`; what `sampled` costs on average is kept too."""
        menu = super().evaluate_menu(data, instances, metrics, verbose)
        names = [menu[i].name for i in instances or menu.names]
        if SAMPLED in names:
            sampled_costs.record_average(self, data)
        return menu

    # === Private ===

    @property
    def _choice(self):
        return self._points.choice

    def _fixed(self, instance):
        """The instance's name, if it is of a fixed number of points."""
        return self._choice.fixed(self._graphs.named(instance))

    def _counts_by_image(self):
        """Whether shapes may depend on the image."""
        deformable = any(part.block.deformable for part in self.sampled_parts)
        return keras.backend.backend() == "tensorflow" and not deformable


def _refuse_other_than_logits(base):
    if any(len(output.shape) < 2 for output in base.outputs):
        raise DynresError(
            "Instances can learn from one another where all outputs are logits of "
            f"classes, and those of {base.name!r} are not: take draw='joint'. "
            "Received: draw='sandwich'"
        )


def _name_of(density):
    return f"d{density:g}"


def _point_edits(rows, name):
    return sampled_graph.merged(
        [part.point_edits(counts, name) for part, counts in rows]
    )

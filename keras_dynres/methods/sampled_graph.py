"""How a base is rewired so that blocks compute some of their points."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_dynres import graph
from keras_dynres.layers import (
    FrozenNorm,
    Interpolation,
    MaskHead,
    PatchConv2D,
    PointDeformableConv,
    PointInterpolation,
    PointPatches,
    SampledPoints,
    SamplingMask,
)
from keras_dynres.methods.sampled_blocks import Block, BlockConv

# Which mask each convolution has, by how many there are.
_MASKS = {
    "shared": {2: (0, 0), 3: (0, 0, 0)},
    "two": {2: (0, 1), 3: (0, 1, 1)},
    "each": {2: (0, 1), 3: (0, 1, 2)},
}
# What each mask's mean confidence counts in a block's loss: about its share of MACs.
_SHARES = {(0, 0): (1,), (0, 0, 0): (1,), (0, 1): (0.5, 0.5), (0, 1, 1): (0.25, 0.75)}
_SHARES[0, 1, 2] = (0.25, 0.5, 0.25)


class SampledBlock:
    """What sampling adds to a block, and the edits that put it there.

    Args:
        block: The `Block`.
        options: What `Sampled` was asked for.
        blocks: How many blocks there are.
        number: Which of them this is.

    Attributes:
        heads: A `MaskHead` for each stride.
        masks: The `SamplingMask`s.
        fills: An `Interpolation` for each mask.
    """

    def __init__(self, block: Block, options: Mapping, blocks: int, number: int):
        self.block = block
        self._kind = options["interpolation"]
        self.numbers = _mask_numbers(block, options["masks"])
        shares = _SHARES[self.numbers]
        places = [self.numbers.index(mask) for mask in range(len(shares))]
        names = [block.convs[place].name for place in places]
        strides = [block.strides[place] for place in places]
        own = {"rate_factor": options["rate_factor"]}
        own["dtype"] = block.convs[0].layer.dtype_policy
        self.heads = {}
        if options["sampling"] != "uniform":
            for stride in dict.fromkeys(strides):
                first = names[strides.index(stride)]
                self.heads[stride] = MaskHead(
                    strides.count(stride), stride, name=f"{first}_scores", **own
                )
        self._strides = strides
        self.masks = [
            SamplingMask(
                block.convs[place].size,
                options["sampling"],
                options["grid"],
                options["noise"],
                column=strides[:mask].count(strides[mask]),
                sparse_loss=options["sparse_loss"] * shares[mask] / blocks,
                seed=options["seed"] + 1000 * number + mask,
                name=f"{names[mask]}_mask",
                dtype="float32",
            )
            for mask, place in enumerate(places)
        ]
        self.fills = [
            Interpolation(self._kind, options["window"], name=f"{name}_fill", **own)
            for name in names
        ]
        for head in self.heads.values():
            head.build((None, *block.entering))
        # Not tracked: their weights are others'.
        self._patch_convs = {}

    def row_layers(self, mask: int) -> list[str]:
        """Names of the layers that work on a mask's points alone."""
        names = []
        for number, convs in self._groups():
            for conv in convs if number == mask else ():
                for part in filter(None, (conv, conv.offsets)):
                    end = "" if part.pointwise else "_at_points"
                    names.append(f"{part.name}{end}")
                names.extend(call.name for call in conv.tail)
        return names

    def convs_of(self, mask: int) -> list[BlockConv]:
        """The convolutions of a mask."""
        pairs = zip(self.block.convs, self.numbers, strict=True)
        return [conv for conv, number in pairs if number == mask]

    def dense_edits(self, counts: list[int | None]) -> dict:
        """Everything is computed and then masked: what training runs.

        Args:
            counts: How many points each mask samples; None is what it chooses.
        """
        edits, state = _Edits(), {}

        def begin(call, inputs, *args, **kwargs):
            scores = self._scores(inputs)
            state["input"] = inputs
            state["masks"] = [
                mask(scores[stride], count=count)
                for mask, stride, count in zip(
                    self.masks, self._strides, counts, strict=True
                )
            ]
            return call(inputs, *args, **kwargs)

        def filled(number, convs):
            def edit(call, *args, **kwargs):
                features = call(*args, **kwargs)
                inputs = [features, state["masks"][number]]
                previous = self._previous(state["input"], features, convs)
                fill = self.fills[number]
                return fill(inputs if previous is None else [*inputs, previous])

            return edit

        edits.add(self.block.convs[0].first.name, begin)
        for number, convs in self._groups():
            last = convs[-1] if self._kind == "previous" else convs[0]
            edits.add(last.last.name, filled(number, convs))
        return edits.chained()

    def point_edits(self, counts: list[int | None], instance: str) -> dict:
        """The sampled points alone are computed.

        Args:
            counts: As of `dense_edits`.
            instance: Whose layers are named.
        """
        edits, state = _Edits(), {}

        def begin(call, inputs, *args, **kwargs):
            if state:  # The other of two layers that read the block's input.
                return call(inputs, *args, **kwargs)
            scores = self._scores(inputs)
            state["input"] = inputs
            state["points"] = [
                SampledPoints.of(mask, count, f"{mask.name}_{instance}_points")(
                    scores[stride]
                )
                for mask, stride, count in zip(
                    self.masks, self._strides, counts, strict=True
                )
            ]
            return call(inputs, *args, **kwargs)

        for number, convs in self._groups():
            conv = convs[0]
            here = number, counts[number], instance, state
            plain = conv
            if conv.offsets is not None:
                edits.add(conv.name, self._deformed(conv, *here))
                plain = conv.offsets
            if plain.padding is not None:
                edits.add(plain.padding.name, _leave_out)
            edits.add(plain.name, self._at_points(plain, *here))
            if plain is conv.offsets:
                edits.add(plain.first.name, begin)
            row_before = len(convs) > 1 and self._kind != "previous"
            if row_before:
                edits.add(conv.last.name, graph.after(_zero_row(conv, instance)))
            edits.add(
                convs[-1].last.name,
                self._as_map(convs, number, row_before, instance, state),
            )
        edits.add(self.block.convs[0].first.name, begin)
        return edits.chained()

    # === Private ===

    def _groups(self):
        """[(mask, convolutions)] of those that need no map between them."""
        groups = []
        for conv, number in zip(self.block.convs, self.numbers, strict=True):
            if groups and groups[-1][0] == number and conv.pointwise:
                groups[-1][1].append(conv)
            else:
                groups.append((number, [conv]))
        return groups

    def _scores(self, inputs):
        """The scores of each stride; of an even grid the input stands in for them."""
        if not self.heads:
            return dict.fromkeys(self._strides, inputs)
        return {stride: head(inputs) for stride, head in self.heads.items()}

    def _previous(self, entering, features, convs):
        """What unsampled points are given in place of what is not computed.

        At the block's end nothing is added to its input; inside, the input itself
        where it is of the same shape.
        """
        inside = convs[-1] is not self.block.convs[-1]
        same = tuple(entering.shape[1:]) == tuple(features.shape[1:])
        return entering if self._kind == "previous" and inside and same else None

    def _at_points(self, conv, number, count, instance, state):
        patches = PointPatches(
            conv.layer.kernel_size,
            conv.layer.strides,
            conv.layer.dilation_rate,
            conv.borders,
            count,
            name=f"{conv.name}_{instance}_patches",
            dtype=conv.layer.dtype_policy,
        )

        def edit(call, inputs, *args, **kwargs):
            rows = patches([inputs, state["points"][number][0]])
            if conv.pointwise:
                return call(rows, *args, **kwargs)
            return self._patch_conv(conv)(rows)

        return edit

    def _deformed(self, conv, number, count, instance, state):
        del count, instance

        def edit(call, inputs, *args, **kwargs):
            features, offsets = inputs
            name = f"{conv.name}_at_points"
            if name not in self._patch_convs:
                width = self.masks[number].size[1]
                self._patch_convs[name] = PointDeformableConv.of(
                    conv.layer, width, name
                )
            index = state["points"][number][0]
            return self._patch_convs[name]([features, offsets, index])

        return edit

    def _patch_conv(self, conv):
        if conv.name not in self._patch_convs:
            layer = PatchConv2D.of(conv.layer, f"{conv.name}_at_points")
            self._patch_convs[conv.name] = layer
        return self._patch_convs[conv.name]

    def _as_map(self, convs, number, background, instance, state):
        fill = PointInterpolation.of(
            self.fills[number],
            self.masks[number].size,
            background,
            f"{convs[-1].name}_{instance}_map",
        )
        row = None if background else _zero_row(convs[-1], instance)

        def edit(call, *args, **kwargs):
            rows = call(*args, **kwargs)
            rows = rows if row is None else row(rows)
            index, places, *gates = state["points"][number]
            gates = gates[0] if gates else None
            size = (None, *self.masks[number].size, rows.shape[-1])
            like = keras.KerasTensor(size, rows.dtype)
            previous = self._previous(state["input"], like, convs)
            return fill(rows, places, index, gates=gates, previous=previous)

        return edit


class _Edits:
    """Edits by layer, several of which may concern one layer."""

    def __init__(self):
        self._lists = {}

    def add(self, name: str, edit: Callable):
        self._lists.setdefault(name, []).append(edit)

    def chained(self) -> dict[str, Callable]:
        return {name: graph.chain(*edits) for name, edits in self._lists.items()}


def frozen_norms(flat: keras.Model) -> dict:
    """Edits that leave batch norms on their statistics in training too."""
    return {
        call.name: _instead(FrozenNorm(call.layer))
        for call in graph.calls(flat)
        if isinstance(call.layer, keras.layers.BatchNormalization)
    }


def merged(edits: list[Mapping[str, Callable]]) -> dict[str, Callable]:
    """The edits of several, chained where they concern one layer."""
    all_edits = _Edits()
    for name, edit in itertools.chain.from_iterable(part.items() for part in edits):
        all_edits.add(name, edit)
    return all_edits.chained()


def _mask_numbers(block, kind):
    """Which mask each convolution has."""
    numbers = _MASKS[kind][len(block.convs)]
    if kind == "shared" and len(set(block.strides)) > 1:
        # Maps of two sizes have no mask in common.
        numbers = _MASKS["two"][len(block.convs)]
    if numbers == (0, 1, 1) and not block.convs[2].pointwise:
        numbers = (0, 1, 2)
    return numbers


def _zero_row(conv: BlockConv, instance: str) -> keras.layers.Layer:
    """A row of zeros before the others: what stands for points without samples."""
    return keras.layers.ZeroPadding2D(
        ((0, 0), (1, 0)),
        name=f"{conv.name}_{instance}_zero",
        dtype=conv.layer.dtype_policy,
    )


def _instead(layer: keras.layers.Layer) -> Callable:
    """Edit: the layer works on the input, without a word of how."""
    return lambda call, inputs, *args, **kwargs: layer(inputs)


def _leave_out(call: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    """Edit: the layer is not called."""
    del call, args, kwargs
    return inputs

"""The residual blocks of a base whose convolutions can be sampled."""

import dataclasses
from collections.abc import Callable, Sequence

import keras

from keras_dynres import graph
from keras_dynres.errors import DynresError, one_of
from keras_dynres.layers import DeformableConv2D

# What works on each point by itself, and may run on points alone.
_POINTWISE = (
    keras.layers.BatchNormalization,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.Activation,
    keras.layers.Dropout,
)


@dataclasses.dataclass(frozen=True)
class BlockConv:
    """A convolution of a block with what surrounds it.

    Args:
        call: The convolution's call.
        padding: The call of the zero padding before it, or None.
        tail: The pointwise calls behind it, up to the next convolution or the addition.
        offsets: Of a deformable convolution the `BlockConv` that computes its offsets
            from the block's input; else None.
    """

    call: graph.Call
    padding: graph.Call | None
    tail: tuple = ()
    offsets: "BlockConv | None" = None

    @property
    def name(self) -> str:
        """The convolution's name."""
        return self.call.name

    @property
    def layer(self) -> keras.layers.Conv2D:
        """The convolution."""
        return self.call.layer

    @property
    def first(self) -> graph.Call:
        """The call that reads what the convolution works on."""
        return self.padding or self.call

    @property
    def last(self) -> graph.Call:
        """The last of its pointwise calls, or the convolution."""
        return self.tail[-1] if self.tail else self.call

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the output."""
        return tuple(self.call.outputs[0].shape[1:3])

    @property
    def pointwise(self) -> bool:
        """Whether it reads one point for each that it computes."""
        return self.layer.kernel_size == (1, 1) and self.layer.strides == (1, 1)

    @property
    def borders(self) -> tuple[int, int, int, int]:
        """Rows before and after, and columns, that are padded with zeros."""
        if self.padding is not None:
            (top, bottom), (left, right) = self.padding.layer.padding
            return top, bottom, left, right
        if self.layer.padding == "valid":
            return 0, 0, 0, 0
        sides = ()
        for size, kernel, stride, dilation in zip(
            self.call.inputs[0].shape[1:3],
            self.layer.kernel_size,
            self.layer.strides,
            self.layer.dilation_rate,
            strict=True,
        ):
            reach = (kernel - 1) * dilation + 1
            total = max((-(-size // stride) - 1) * stride + reach - size, 0)
            sides += total // 2, total - total // 2
        return sides


@dataclasses.dataclass(frozen=True)
class Block:
    """A residual block.

    Args:
        name: Its addition's name.
        convs: Its `BlockConv`s, in order.
    """

    name: str
    convs: tuple

    @property
    def strides(self) -> list[int]:
        """From the block's input to each convolution's output."""
        strides, total = [], 1
        for conv in self.convs:
            total *= conv.layer.strides[0]
            strides.append(total)
        return strides

    @property
    def entering(self) -> tuple:
        """Shape of the map that its convolutions work on, without the batch."""
        return tuple(self.convs[0].first.inputs[0].shape[1:])

    @property
    def deformable(self) -> bool:
        """Whether one of its convolutions is."""
        return any(conv.offsets for conv in self.convs)

    @property
    def begins_stage(self) -> bool:
        """Whether the maps that leave it are of another shape than those that enter."""
        return self.entering != tuple(self.convs[-1].call.outputs[0].shape[1:])


def sampled_blocks(
    flat: keras.Model,
    wanted: str | Sequence[str] | Callable = "auto",
    first_blocks: bool = True,
) -> list[Block]:
    """The blocks to sample.

    Args:
        flat: A flat functional model.
        wanted: `"auto"` takes all that can be; or names of their additions; or a
            callable that is given the model and returns such names.
        first_blocks: Whether `"auto"` takes the blocks that begin a stage.
    """
    blocks, reasons = _blocks(flat)
    if not blocks:
        raise DynresError(
            f"{flat.name!r} has no residual block that can be sampled: an addition of "
            "two or three convolutions, with batch norms and activations between, to "
            f"what they began with. Received: {_what_was(flat, reasons)}"
        )
    if wanted == "auto":
        # The first of all begins a stage too, though its maps may keep their shape.
        additions = [c.name for c in graph.calls(flat) if c.name in {*blocks, *reasons}]
        return [
            block
            for name, block in blocks.items()
            if first_blocks or not (block.begins_stage or name == additions[0])
        ]
    names = list(wanted(flat) if callable(wanted) else wanted)
    for name in names:
        if name in reasons:
            raise DynresError(
                f"The block that ends in {name!r} cannot be sampled: {reasons[name]}"
            )
        one_of(f"residual block of {flat.name!r}", name, blocks)
    if not names:
        raise DynresError("Name at least one block. Received: blocks=[]")
    return [block for name, block in blocks.items() if name in names]


def _blocks(flat):
    """{addition: Block}, and {addition: why it is none}."""
    calls = graph.calls(flat)
    makers = {id(t): call for call in calls for t in call.outputs}
    blocks, reasons = {}, {}
    for call in calls:
        if not isinstance(call.layer, keras.layers.Add) or len(call.inputs) != 2:
            continue
        result = _block(call, makers)
        if isinstance(result, str):
            reasons[call.name] = result
        else:
            blocks[call.name] = result
    return blocks, reasons


def _block(addition, makers):
    """The addition's block, or why it has none."""
    paths = [_path(tensor, makers) for tensor in addition.inputs]
    shared = {id(t) for _, tensors in paths[:1] for t in tensors}
    common = [t for t in paths[1][1] if id(t) in shared]
    if not common:
        return "its two paths have no common beginning"
    branches = [_cut(calls, common[0]) for calls, _ in paths]
    branch, shortcut = sorted(branches, key=_convolutions, reverse=True)
    if _convolutions(branch) not in (2, 3) or _convolutions(shortcut) > 1:
        counts = sorted(map(_convolutions, branches))
        return f"its paths have {counts[0]} and {counts[1]} convolutions"
    return _split(addition.name, branch, makers)


def _path(tensor, makers):
    """The calls back from a tensor, latest first, and what they read."""
    calls, tensors = [], [tensor]
    while id(tensor) in makers:
        call = makers[id(tensor)]
        # A deformable convolution works on the first; its offsets are looked for later.
        if len(call.inputs) != 1 and not isinstance(
            call.layer, (keras.layers.Add, DeformableConv2D)
        ):
            break
        calls.append(call)
        if isinstance(call.layer, keras.layers.Add):
            break  # The block before.
        tensor = call.inputs[0]
        tensors.append(tensor)
    return calls, tensors


def _cut(calls, beginning):
    """The calls from a tensor on, in order."""
    kept = []
    for call in calls:
        if any(t is beginning for t in call.outputs):
            break
        kept.append(call)
    return kept[::-1]


def _convolutions(calls):
    kinds = keras.layers.Conv2D, DeformableConv2D
    return sum(isinstance(c.layer, kinds) for c in calls)


def _split(name, calls, makers):
    convs, padding = [], None
    for call in calls:
        if type(call.layer) is keras.layers.Conv2D:
            convs.append(BlockConv(call, padding))
            padding = None
        elif isinstance(call.layer, DeformableConv2D):
            offsets = _offsets(call, makers)
            if not convs or offsets.first.inputs[0] is not convs[0].first.inputs[0]:
                return f"the offsets of {call.name!r} are not of the block's input"
            convs.append(BlockConv(call, None, offsets=offsets))
        elif isinstance(call.layer, keras.layers.ZeroPadding2D):
            padding = call
        elif isinstance(call.layer, _POINTWISE) and padding is None:
            if convs:
                last = convs[-1]
                convs[-1] = dataclasses.replace(last, tail=(*last.tail, call))
        else:
            kind = type(call.layer).__name__
            return f"{call.name!r} is a {kind}, which cannot be computed at points"
    if padding is not None:
        return f"{padding.name!r} pads no convolution"
    block = Block(name, tuple(convs))
    return _refusal(block) or block


def _offsets(call, makers):
    """The convolution that computes a deformable convolution's offsets."""
    conv = makers[id(call.inputs[1])]
    before = makers.get(id(conv.inputs[0]))
    padded = before and isinstance(before.layer, keras.layers.ZeroPadding2D)
    return BlockConv(conv, before if padded else None)


def _refusal(block):
    """Why a block's convolutions cannot be sampled, or None."""
    for conv, stride in zip(block.convs, block.strides, strict=True):
        if None in conv.size:
            return "its height and width must be known"
        if getattr(conv.layer, "data_format", "") == "channels_first":
            return "its channels must come last"
        if conv.size != tuple(-(-n // stride) for n in block.entering[:2]):
            return f"{conv.name!r} does not pad its borders"
    return None


def _what_was(flat, reasons):
    if reasons:
        return "; ".join(f"{name!r}: {why}" for name, why in list(reasons.items())[:3])
    kinds = sorted({type(call.layer).__name__ for call in graph.calls(flat)})
    return f"layers {', '.join(kinds)}"

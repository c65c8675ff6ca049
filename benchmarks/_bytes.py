"""Where the bytes of a `.tflite` file are."""

import collections
import struct

from keras_dynres.tflite.flatbuffer import _root, _table, _target, _u32, _vector

# TensorType of the schema.
_STORED = {0: "float32 constants", 1: "float16 constants", 2: "int32 biases"}
_STORED[9] = "int8 kernels"
_GRAPHS, _BUFFERS, _ENTRIES, _SIGNATURES = 2, 4, 6, 7


def account(data):
    """Bytes by what they say, each counted where it is first pointed at."""
    tally = _Tally(data)
    root = _padded(_root(data))
    buffers = _vector(data, root[_BUFFERS])
    held = {}
    for graph in _vector(data, root[_GRAPHS]):
        fields = _padded(_table(data, graph))
        tally.table("lists of graphs", graph)
        for slot in range(4):
            tally.vector("lists of graphs", fields[slot], 4)
        for tensor in _vector(data, fields[0]):
            places = _padded(_table(data, tensor))
            kind = data[places[1]] if places[1] else 0
            held.setdefault(_u32(data, places[2]) if places[2] else 0, kind)
            tally.table("tables of tensors", tensor)
            tally.vector("shapes and names", places[0], 4)
            tally.vector("shapes and names", places[3], 1)
            if places[4]:
                _quantisation(tally, _target(data, places[4]), kind)
        for operator in _vector(data, fields[3]):
            places = _padded(_table(data, operator))
            tally.table("operators", operator)
            for slot in (1, 2):
                tally.vector("operators", places[slot], 4)
            if places[4]:
                tally.table("operators", _target(data, places[4]))
    for index, buffer in enumerate(buffers):
        tally.table("lists of buffers", buffer)
        what = _STORED.get(
            held.get(index), "metadata" if index not in held else "other"
        )
        tally.vector(what, _padded(_table(data, buffer))[0], 1)
    tally.vector("lists of buffers", root[_BUFFERS], 4)
    for signature in _vector(data, root[_SIGNATURES]):
        places = _padded(_table(data, signature))
        tally.table("signatures", signature)
        tally.vector("signatures", places[2], 1)
        for slot in (0, 1):
            tally.vector("signatures", places[slot], 4)
            for port in _vector(data, places[slot]):
                tally.table("signatures", port)
    counts = dict(tally.counts)
    return {**counts, "rest and padding": len(data) - sum(counts.values())}


def _quantisation(tally, at, kind):
    places = _padded(_table(tally.data, at))
    tally.table("tables of scales", at)
    several = places[2] and len(_numbers(tally.data, places[2])) > 4
    what = {2: "scales of biases", 9: "scales of kernels"} if several else {}
    tally.vector(what.get(kind, "steps of activations"), places[2], 4)
    tally.vector("zero points", places[3], 8)


def _numbers(data, field):
    at = _target(data, field)
    return data[at + 4 : at + 4 + 4 * _u32(data, at)]


class _Tally:
    def __init__(self, data):
        self.data, self.counts, self._seen = data, collections.Counter(), set()

    def _add(self, what, at, size):
        if at not in self._seen:
            self._seen.add(at)
            self.counts[what] += size

    def table(self, what, at):
        layout = at - struct.unpack_from("<i", self.data, at)[0]
        self._add(what, at, struct.unpack_from("<H", self.data, layout + 2)[0])

    def vector(self, what, field, item):
        if field:
            at = _target(self.data, field)
            self._add(what, at, 4 + item * _u32(self.data, at))


def _padded(fields):
    return [*fields, *[0] * 12]

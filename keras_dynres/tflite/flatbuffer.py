"""As much of the FlatBuffer format as a bundle in a `.tflite` file needs.

Reading is done by hand: it walks from the root to an entry's bytes, and needs neither
the runtime nor the schema. Offsets of a damaged file may point anywhere; `struct`
checks the bounds, so that damage shows as `struct.error` and never as a crash. Writing
is left to the schema's own builder.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

ALIGN = 64
# Fields of the schema's root table `Model`; the version alone is a number.
_FIELDS, _VERSION, _SUBGRAPHS, _BUFFERS, _METADATA, _SIGNATURES = 8, 0, 2, 4, 6, 7


def find(data: bytes, name: str) -> tuple[int, bytes] | None:
    """The place and bytes of a metadata entry, or None when there is none."""
    root = _root(data)
    for entry in _vector(data, root[_METADATA]):
        key, buffer = (_table(data, entry) + [0, 0])[:2]
        if _bytes(data, key)[1] == name.encode():
            index = _u32(data, buffer) if buffer else 0
            place = _vector(data, root[_BUFFERS])[index]
            return _bytes(data, _table(data, place)[0])
    return None


def signatures(data: bytes) -> dict[str, int]:
    """The signatures' keys, each with the index of its subgraph."""
    indices = {}
    for place in _vector(data, _root(data)[_SIGNATURES]):
        fields = _table(data, place) + [0] * 5
        index = _u32(data, fields[4]) if fields[4] else 0
        indices[_bytes(data, fields[2])[1].decode()] = index
    return indices


def select(data: bytes, keys: Iterable[str]) -> bytes:
    """The file with some signatures left; of one alone, the graph is the primary one.

    A runtime prepares every graph of a file when it loads it. Shortening two lists
    hides the others at once, without touching the weights, for any runtime and any
    language: load time and memory are then those of what is left.

    The result's metadata hash no longer holds: check the file before.

    Args:
        data: The bytes of a TFLite file without control flow.
        keys: The signatures to keep.

    Returns:
        Bytes of the same length.
    """
    root, graphs = _root(data), signatures(data)
    places = dict(zip(graphs, _vector(data, root[_SIGNATURES]), strict=True))
    subgraphs = _vector(data, root[_SUBGRAPHS])
    # In the file's order: a signature without a number is that of graph 0, and stays.
    keys = sorted(keys, key=graphs.get)
    patches = {}
    for slot, kept in (
        (_SUBGRAPHS, [subgraphs[graphs[key]] for key in keys]),
        (_SIGNATURES, [places[key] for key in keys]),
    ):
        at = _target(data, root[slot])
        offsets = [place - (at + 4 + 4 * i) for i, place in enumerate(kept)]
        patches[at] = struct.pack(f"<{1 + len(kept)}I", len(kept), *offsets)
    for index, key in enumerate(keys):
        number = (_table(data, places[key]) + [0] * 5)[4]
        if number:
            patches[number] = struct.pack("<I", index)
    # Joined in one go: a file may be large, and a second copy of it would be the
    # dearest part of loading an instance.
    pieces, done, whole = [], 0, memoryview(data)
    for at, patch in sorted(patches.items()):
        pieces += [whole[done:at], patch]
        done = at + len(patch)
    return b"".join([*pieces, whole[done:]])


def load(
    read: Callable[[], bytes], keys: Sequence[str], threads: int
) -> dict[str, Callable[..., dict[str, Any]]]:
    """Prepares signatures of a file to be run.

    Given the whole file, the runtime prepares every signature and packs the weights
    anew for each; given a file of some, only those. A graph with branches needs the
    graphs that hold them, which the runtime says on loading: then the whole file it
    is.

    Args:
        read: A function that returns the file's bytes: kept, they would count twice.
        keys: The signatures' keys.
        threads: CPU threads to run on.

    Returns:
        A dict from key to a function that takes the named inputs and returns a dict
        of the named outputs.
    """
    from ai_edge_litert.interpreter import Interpreter

    def prepared(content: bytes) -> Any:
        interpreter = Interpreter(model_content=content, num_threads=threads)
        interpreter.allocate_tensors()
        return interpreter

    try:
        interpreter = prepared(select(read(), keys))
    except RuntimeError:
        interpreter = prepared(read())
    return {key: interpreter.get_signature_runner(key) for key in keys}


def extended(plain: bytes, name: str, content: bytes) -> bytearray:
    """The file with one more metadata entry, in front of its untouched bytes.

    A FlatBuffer is written from its end to its start. The builder is handed the file
    as what it has written so far: it adds a root table, the entry and two longer
    lists, which point at all that is there.

    Args:
        plain: The bytes of a TFLite file.
        name: The entry's name.
        content: The entry's bytes.

    Returns:
        The new bytes, which end with `plain`. What was put in front is a multiple of
        64 bytes long, so that weights keep their alignment.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    root, tail = _root(plain), -len(plain) % ALIGN
    buffers, entries = (_vector(plain, root[slot]) for slot in (_BUFFERS, _METADATA))
    room = 1024 + len(content) + len(name) + 4 * (len(buffers) + len(entries))
    builder = flatbuffers.Builder()
    builder.Bytes, builder.head = bytearray(room + len(plain) + tail), room
    builder.Bytes[room : room + len(plain)] = plain

    def written(place: int) -> int:
        """What the builder calls a place of the plain file: its distance to the end."""
        return len(plain) + tail - place

    def vector(old: Sequence[int], new: int) -> int:
        builder.StartVector(4, len(old) + 1, 4)
        for offset in [new, *map(written, reversed(old))]:
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()

    title, text = builder.CreateString(name), _vector_of_bytes(builder, content)
    schema.BufferStart(builder)
    schema.BufferAddData(builder, text)
    buffer = schema.BufferEnd(builder)
    schema.MetadataStart(builder)
    schema.MetadataAddName(builder, title)
    schema.MetadataAddBuffer(builder, len(buffers))
    entry = schema.MetadataEnd(builder)
    fields = {
        slot: written(_target(plain, field))
        for slot, field in enumerate(root)
        if field and slot != _VERSION
    }
    fields |= {_BUFFERS: vector(buffers, buffer), _METADATA: vector(entries, entry)}
    schema.ModelStart(builder)
    if root[_VERSION]:
        schema.ModelAddVersion(builder, _u32(plain, root[_VERSION]))
    for slot, offset in fields.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    model = schema.ModelEnd(builder)
    builder.minalign = ALIGN
    builder.Finish(model, file_identifier=b"TFL3")
    data = builder.Output()
    del data[len(data) - tail :]
    return data


def _vector_of_bytes(builder, content: bytes) -> int:
    # The schema asks for 16 bytes of alignment where a buffer's data begin.
    builder.StartVector(1, len(content), 16)
    builder.head -= len(content)
    builder.Bytes[builder.head : builder.head + len(content)] = content
    return builder.EndVector()


def _u32(data: bytes, at: int) -> int:
    return struct.unpack_from("<I", data, at)[0]


def _target(data: bytes, field: int) -> int:
    """Where the offset that stands at `field` points."""
    return field + _u32(data, field)


def _table(data: bytes, at: int) -> list[int]:
    """Where each field of the table at `at` lies; 0 for a field left out."""
    vtable = at - struct.unpack_from("<i", data, at)[0]
    if not 0 <= vtable < len(data):
        raise struct.error("a table's layout lies outside the file")
    size = struct.unpack_from("<H", data, vtable)[0]
    slots = struct.unpack_from(f"<{max(size - 4, 0) // 2}H", data, vtable + 4)
    return [at + slot if slot else 0 for slot in slots]


def _root(data: bytes) -> list[int]:
    if data[4:8] != b"TFL3":
        raise struct.error("no TFLite file identifier")
    fields = _table(data, _u32(data, 0))
    return fields + [0] * (_FIELDS - len(fields))


def _vector(data: bytes, field: int) -> list[int]:
    """The places that a vector of tables points at."""
    if not field:
        return []
    at = _target(data, field)
    count = _u32(data, at)
    offsets = struct.unpack_from(f"<{count}I", data, at + 4)
    return [at + 4 + 4 * i + offset for i, offset in enumerate(offsets)]


def _bytes(data: bytes, field: int) -> tuple[int, bytes]:
    at = _target(data, field)
    size = _u32(data, at)
    if at + 4 + size > len(data):
        raise struct.error("a byte vector runs past the end")
    return at + 4, data[at + 4 : at + 4 + size]

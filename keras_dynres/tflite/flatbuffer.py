"""As much of the FlatBuffer format as a metadata entry in a `.tflite` file needs.

Read: walk from the root to an entry's bytes. Write: lay out a new root table in front
of an untouched file. Offsets of a damaged file may point anywhere; `struct` checks the
bounds, so that damage shows as `struct.error` and never as a crash.
"""

import struct

ALIGN = 64
# The schema's root table `Model` has eight fields; these are the ones we meet.
_FIELDS, _VERSION, _SUBGRAPHS, _BUFFERS, _METADATA, _SIGNATURES = 8, 0, 2, 4, 6, 7


def find(data, name):
    """The place and bytes of a metadata entry, or None when there is none."""
    root = _root(data)
    for entry in _vector(data, root[_METADATA]):
        key, buffer = (_table(data, entry) + [0, 0])[:2]
        if _bytes(data, key)[1] == name.encode():
            index = _u32(data, buffer) if buffer else 0
            place = _vector(data, root[_BUFFERS])[index]
            return _bytes(data, _table(data, place)[0])
    return None


def signatures(data):
    """The signatures' keys, each with the index of its subgraph."""
    found = {}
    for place in _vector(data, _root(data)[_SIGNATURES]):
        fields = _table(data, place) + [0] * 5
        index = _u32(data, fields[4]) if fields[4] else 0
        found[_bytes(data, fields[2])[1].decode()] = index
    return found


def select(data, keys):
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
        at = root[slot] + _u32(data, root[slot])
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


def prefix(plain, name, text, length):
    """A root table, with one more metadata entry, to put in front of `plain`.

    Args:
        plain: The bytes of a TFLite file.
        name: The entry's name.
        text: The entry's bytes.
        length: How long the prefix is taken to be; when the result is of another
            length, call again with that one.

    Returns:
        A bytearray, a multiple of 64 bytes long.
    """
    root = _root(plain)
    out = bytearray()

    def add(data, align=4, skip=0):
        """Appends data; `skip` bytes into it the alignment holds."""
        out.extend(bytes(-(len(out) + skip) % align) + data)
        return len(out) - len(data)

    def point(field, target):
        struct.pack_into("<I", out, field, target - field)

    add(struct.pack("<I4s", 0, b"TFL3"))
    slots = [4 + 4 * i if used else 0 for i, used in enumerate(root)]
    slots[_BUFFERS], slots[_METADATA] = 4 + 4 * _BUFFERS, 4 + 4 * _METADATA
    head = [4 + 2 * _FIELDS, 4 + 4 * _FIELDS, *slots]
    vtable = add(struct.pack(f"<{2 + _FIELDS}H", *head))
    model = add(bytes(4 + 4 * _FIELDS))
    point(0, model)
    struct.pack_into("<i", out, model, model - vtable)
    for i, (field, slot) in enumerate(zip(root, slots, strict=True)):
        if i == _VERSION and field:
            struct.pack_into("<I", out, model + slot, _u32(plain, field))
        elif field and i not in (_BUFFERS, _METADATA):
            point(model + slot, length + field + _u32(plain, field))

    def longer(slot):
        """The vector of a field with one more element, whose place is returned."""
        old = _vector(plain, root[slot])
        at = add(struct.pack("<I", len(old) + 1) + bytes(4 * len(old) + 4))
        point(model + slots[slot], at)
        for i, place in enumerate(old):
            point(at + 4 + 4 * i, length + place)
        return at + 4 + 4 * len(old), len(old)

    # A table is its layout (size of the layout, size of the table, the fields'
    # places), then the distance back to the layout, then the fields.
    to_buffer, index = longer(_BUFFERS)
    to_entry, _ = longer(_METADATA)
    buffer = add(struct.pack("<3H2xiI", 6, 8, 4, 8, 0)) + 8
    entry = add(struct.pack("<4HiII", 8, 12, 4, 8, 8, 0, index)) + 8
    point(to_buffer, buffer)
    point(to_entry, entry)
    name = name.encode()
    point(entry + 4, add(struct.pack("<I", len(name)) + name + b"\0"))
    # The schema asks for 16 bytes of alignment where a buffer's data begin.
    point(buffer + 4, add(struct.pack("<I", len(text)) + text, 16, skip=4))
    out.extend(bytes(-len(out) % ALIGN))
    return out


def _u32(data, at):
    return struct.unpack_from("<I", data, at)[0]


def _table(data, at):
    """Where each field of the table at `at` lies; 0 for a field left out."""
    vtable = at - struct.unpack_from("<i", data, at)[0]
    if not 0 <= vtable < len(data):
        raise struct.error("a table's layout lies outside the file")
    size = struct.unpack_from("<H", data, vtable)[0]
    slots = struct.unpack_from(f"<{max(size - 4, 0) // 2}H", data, vtable + 4)
    return [at + slot if slot else 0 for slot in slots]


def _root(data):
    if data[4:8] != b"TFL3":
        raise struct.error("no TFLite file identifier")
    fields = _table(data, _u32(data, 0))
    return (fields + [0] * _FIELDS)[:_FIELDS]


def _vector(data, field):
    """The places that a vector of tables points at."""
    if not field:
        return []
    at = field + _u32(data, field)
    count = _u32(data, at)
    offsets = struct.unpack_from(f"<{count}I", data, at + 4)
    return [at + 4 + 4 * i + offset for i, offset in enumerate(offsets)]


def _bytes(data, field):
    at = field + _u32(data, field)
    size = _u32(data, at)
    if at + 4 + size > len(data):
        raise struct.error("a byte vector runs past the end")
    return at + 4, data[at + 4 : at + 4 + size]

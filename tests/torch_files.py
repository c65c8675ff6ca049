"""Files as `torch.save` writes them, put together by hand: PyTorch is not needed.

`test_checkpoint_files.py` has PyTorch read them, where there is one.
"""

import pickle
import zipfile

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def number(value):
    return b"J" + value.to_bytes(4, "little", signed=True)


def text(value):
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def tuple_of(*items):
    return b"(" + b"".join(items) + b"t"


def call(module, name, *args):
    """A pickle's way to call any function there is."""
    return b"c%s\n%s\n" % (module.encode(), name.encode()) + tuple_of(*args) + b"R"


def dict_of(items):
    pairs = b"".join(text(key) + value for key, value in items.items())
    return b"}(" + pairs + b"u"


def tensor(key, shape, count, offset=0, strides=None, storage="FloatStorage"):
    """The pickle of a tensor whose values stand in the storage `key`."""
    if strides is None:
        strides = [1]
        for size in shape[:0:-1]:
            strides.insert(0, strides[0] * size)
    kind = b"ctorch\n%s\n" % storage.encode()
    where = tuple_of(text("storage"), kind, text(key), text("cuda:0"), number(count))
    return call(
        "torch._utils",
        "_rebuild_tensor_v2",
        where + b"Q",
        number(offset),
        tuple_of(*map(number, shape)),
        tuple_of(*map(number, strides)),
        b"\x89",
        call("collections", "OrderedDict"),
    )


def checkpoint(arrays):
    """(pickle, storages) of a checkpoint as training scripts save it."""
    state = {
        name: tensor(str(i), array.shape, array.size)
        for i, (name, array) in enumerate(arrays.items())
    }
    items = {"epoch": number(3), "state_dict": dict_of(state), "arch": text("msdnet")}
    values = [array.astype("<f4").tobytes() for array in arrays.values()]
    return pickled(dict_of(items)), values


def pickled(content):
    return b"\x80\x02" + content + b"."


def write_zip(path, content, storages):
    """What PyTorch writes since 1.6."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", content)
        archive.writestr("net/byteorder", "little")
        for i, values in enumerate(storages):
            archive.writestr(f"net/data/{i}", values)
        archive.writestr("net/version", "3\n")


def write_stream(path, content, storages, itemsize=4):
    """What PyTorch wrote before; a storage could then be a view of another, or None."""
    content = content.replace(b"tQ", b"NtQ")
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    head = [pickle.dumps(each, 2) for each in (MAGIC, PROTOCOL, machine)]
    keys = pickle.dumps([str(i) for i in range(len(storages))], 2)
    body = [
        (len(values) // itemsize).to_bytes(8, "little") + values for values in storages
    ]
    path.write_bytes(b"".join([*head, content, keys, *body]))

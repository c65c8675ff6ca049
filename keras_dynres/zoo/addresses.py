"""What a network may be called: a name of the zoo, or where it is."""

from collections.abc import Sequence
from pathlib import Path

from keras_dynres.errors import DynresError, one_of
from keras_dynres.zoo import hub, places
from keras_dynres.zoo.network import NETWORKS


def is_address(name: str) -> bool:
    """Whether a name says where a network is, and is none of the zoo's.

    >>> is_address("hf://org/name"), is_address("resnet18_cifar10")
    (True, False)
    """
    return name not in NETWORKS and (name.startswith(hub.PREFIX) or Path(name).is_dir())


def places_of(name: str) -> Sequence[places.Place]:
    """Where a network may be found, in the order it is looked for.

    Args:
        name: Its name in the zoo; a folder that `zoo.publish` filled; `hf://org/name`;
            or the path of a `.json` file of a `Network`, which was published nowhere.
    """
    if name.startswith(hub.PREFIX):
        return (hub.Hub(name),)
    if is_address(name):
        return (places.Folder(name, "publish it again"),)
    if Path(name).suffix == ".json":
        return ()
    if len(Path(name).parts) > 1:
        raise DynresError(f"There is no folder of that name. Received: {name!r}")
    one_of("network of the zoo", name, NETWORKS)
    shipped = places.Folder(places.SHIPPED / name, "reinstall keras-dynres")
    return shipped, places.Web(name)

"""keras-dynres info: what is known of anything that has a name here."""

import dataclasses
import inspect
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from keras_dynres_cli import pairs
from keras_dynres_cli.commands import listing

ABOUT = "Tells about a network, architecture, method, data set or file."
EXAMPLE = "keras-dynres info sdpoint_wrn16_2_cifar10"


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "name",
        metavar="NAME",
        help="a name of `keras-dynres list`, a folder that `publish` wrote, "
        "hf://org/name, or a .keras, .npz, .json, .csv or "
        ".tflite file",
    )
    parser.add_argument(
        "--json", action="store_true", help="the menu alone, as JSON, if there is one"
    )


def run(args: Namespace) -> None:
    """Prints the page of a name, or its menu."""
    from keras_dynres_cli import menus

    if args.json:
        print(menus.read(args.name).menu.to_json())
    elif Path(args.name).suffix in menus.FILES:
        _file(args.name)
    else:
        _teller(args.name)(args.name)


def _teller(name: str) -> Callable[[str], None]:
    """The function that tells about things of the name's kind."""
    from keras_dynres.errors import one_of
    from keras_dynres.zoo.addresses import is_address

    if is_address(name):
        return _network
    known = listing.names()
    tellers = {
        "zoo": _network,
        "architectures": _architecture,
        "methods": _method,
        "datasets": _dataset,
    }
    one_of("name", name, dict.fromkeys(n for kind in known.values() for n in kind))
    return next(tell for kind, tell in tellers.items() if name in known[kind])


def _network(name: str) -> None:
    from keras_dynres import zoo
    from keras_dynres_cli import menus

    card = zoo.card(name)
    print(card)
    if card.menu is None:
        print("Counting the costs of every instance ...", file=sys.stderr)
        print(menus.read(name).menu)


def _architecture(name: str) -> None:
    from keras_dynres import architectures

    function = getattr(architectures, name)
    print(f"{name}{inspect.signature(function)}\n\n{inspect.getdoc(function)}")


def _method(name: str) -> None:
    from keras_dynres.methods import METHODS

    method = METHODS[name]
    text = f"{method.__name__}{inspect.signature(method)}"
    print(f"{text}\n\n{inspect.getdoc(method)}")


def _dataset(name: str) -> None:
    from keras_dynres import data

    print(pairs.lines(dataclasses.asdict(data.info(name))))


def _file(name: str) -> None:
    from keras_dynres_cli import menus

    source = menus.read(name)
    if source.about:
        print(pairs.lines(source.about), end="\n\n")
    print(source.menu)

"""keras-dynres list: the names other commands take."""

from argparse import ArgumentParser, Namespace

from keras_dynres_cli import pairs

ABOUT = "Names the zoo's networks, architectures, methods and data sets."
EXAMPLE = "keras-dynres list zoo"


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "kind",
        metavar="KIND",
        nargs="?",
        help="zoo, architectures, methods or datasets: those names alone",
    )


def run(args: Namespace) -> None:
    """Prints the names."""
    kinds = names()
    if args.kind is None:
        for kind, members in kinds.items():
            notes = {n: _published(n) if kind == "zoo" else "" for n in members}
            print(f"{kind}:", pairs.lines(notes, indent=2), sep="\n")
        return
    from keras_dynres.errors import one_of

    print("\n".join(kinds[one_of("kind", args.kind, kinds)]))


def names() -> dict[str, list[str]]:
    """All names by their kind."""
    from keras_dynres import architectures, methods, zoo
    from keras_dynres.data import DATASETS

    return {
        "zoo": list(zoo.list()),
        "architectures": architectures.names(),
        "methods": list(methods.METHODS),
        "datasets": list(DATASETS),
    }


def _published(name: str) -> str:
    """Where a network's card is, as far as this machine can tell."""
    from keras_dynres.zoo import addresses, places

    words = ("package", "cache")
    for place, where in zip(addresses.places_of(name), words, strict=True):
        if (place.path / places.CARD).is_file():
            return f"trained, in the {where}"
    return ""

"""keras-dynres list: the names other commands take."""

ABOUT = "Names the zoo's networks, recipes, architectures, methods and data sets."
EXAMPLE = "keras-dynres list zoo"


def arguments(parser):
    """The command's own arguments."""
    parser.add_argument(
        "kind",
        metavar="KIND",
        nargs="?",
        help="zoo, recipes, architectures, methods or datasets: those names alone",
    )


def run(args):
    """Prints the names."""
    kinds = names()
    if args.kind is None:
        for kind, each in kinds.items():
            print(f"{kind}:")
            for name in each:
                print(
                    f"  {name:<44}{_published(name) if kind == 'zoo' else ''}".rstrip()
                )
        return
    if args.kind not in kinds:
        from keras_dynres.errors import UnknownNameError

        raise UnknownNameError("kind", args.kind, kinds)
    print("\n".join(kinds[args.kind]))


def names():
    """All names by their kind."""
    from keras_dynres import architectures, methods, training, zoo
    from keras_dynres.data import DATASETS

    return {
        "zoo": list(zoo.list()),
        "recipes": training.names(),
        "architectures": architectures.names(),
        "methods": list(methods.METHODS),
        "datasets": list(DATASETS),
    }


def _published(name):
    """Where a network's card is, as far as this machine can tell."""
    from keras_dynres.zoo import cards

    if (cards.SHIPPED / name / cards.FILE).is_file():
        return "trained, in the package"
    if cards.cached(name, cards.FILE).is_file():
        return "trained, in the cache"
    return ""

"""The command line: absl's flags, and a subcommand for each file of `commands`."""

import argparse
import importlib.metadata
from collections.abc import Callable, Sequence
from typing import Any

from absl.flags import argparse_flags

from keras_dynres_cli.commands import (
    bench,
    calibrate,
    compress,
    demo,
    evaluate,
    export,
    importing,
    info,
    listing,
    phone,
    publish,
    report,
    reproduce,
    train,
)

COMMANDS = {
    "list": listing,
    "info": info,
    "import": importing,
    "train": train,
    "calibrate": calibrate,
    "compress": compress,
    "evaluate": evaluate,
    "export": export,
    "bench": bench,
    "publish": publish,
    "phone": phone,
    "report": report,
    "reproduce": reproduce,
    "demo": demo,
}
_ABOUT = "One trained network, a menu of inference budgets."
_EXAMPLES = """\
examples:
  keras-dynres demo
  keras-dynres list
  keras-dynres info sdpoint_wrn16_2_cifar10
  keras-dynres export sdpoint_wrn16_2_cifar10 -o net.tflite
  keras-dynres COMMAND --help
"""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The namespace of a command line, with the command's `run` in it."""
    top = build()
    if not argv:
        top.print_help()
        top.exit(2)
    return top.parse_args(argv)


def build() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = _parser(argparse_flags.ArgumentParser, _ABOUT, _EXAMPLES, prog="keras-dynres")
    top.add_argument("--version", action=_Version, nargs=0, help="show the version")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        parser = _parser(
            commands.add_parser,
            command.ABOUT,
            f"example:\n  {command.EXAMPLE}",
            name,
            help=command.ABOUT.split(". ")[0].rstrip("."),
        )
        command.arguments(parser)
        parser.set_defaults(run=command.run, parser=parser)
    return top


class _Version(argparse.Action):
    """Looks the version up when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        print(f"keras-dynres {importlib.metadata.version('keras-dynres')}")
        parser.exit()


def _parser(
    make: Callable[..., argparse.ArgumentParser],
    about: str,
    epilog: str,
    *args: Any,
    **kwargs: Any,
) -> argparse.ArgumentParser:
    return make(
        *args,
        description=about,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        # Options of the command win over absl flags that some library defined.
        conflict_handler="resolve",
        **kwargs,
    )

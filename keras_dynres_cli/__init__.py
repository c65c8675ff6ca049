"""The command `keras-dynres`.

It is no part of `keras_dynres`, whose import costs what importing Keras costs: help
and what is wrong with a command line are told without. A command imports what it needs
when it runs.

Exit codes: 0 done; 1 an error, told in one sentence on stderr; 2 the command line is
wrong; 130 Ctrl-C.
"""

import logging
import os
import sys
import warnings
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from absl import app
from absl import logging as absl_logging

from keras_dynres_cli import parser

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def run() -> None:
    """Runs the command line of this process: what the installed command calls."""
    warnings.showwarning = _show_warning
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow warns of functions that are compiled anew; each instance is one.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # TensorFlow's Python side logs through absl, which starts out talkative.
    absl_logging.set_verbosity(absl_logging.WARNING)
    app.run(_execute, flags_parser=lambda argv: parser.parse(argv[1:]))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; for scripts and tests.

    >>> main(["list", "methods"])
    sdpoint
    multi_scale
    0

    Args:
        argv: The words after `keras-dynres`, by default this process's.
    """
    try:
        args = parser.parse(sys.argv[1:] if argv is None else argv)
    except SystemExit as stop:
        return stop.code or OK
    return _execute(args)


def _execute(args: Namespace) -> int:
    try:
        args.run(args)
    except app.UsageError as error:
        args.parser.print_usage(sys.stderr)
        return _tell(error, USAGE)
    except BrokenPipeError:
        # Whoever read the output, such as `head`, has had enough of it. Python would
        # flush once more on its way out, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        where = f": {str(error.filename)!r}" if error.filename else ""
        return _tell(f"{error.strerror or error}{where}.", FAILED)
    except KeyboardInterrupt as error:
        # A command that kept some of its work raises it with words of its own.
        return _tell(str(error) or "Interrupted: nothing was written.", INTERRUPTED)
    except ValueError as error:
        # Imported so late because it imports Keras, which a wrong line does without.
        from keras_dynres.errors import DynresError

        if not isinstance(error, DynresError):
            raise
        return _tell(error, FAILED)
    return OK


def _tell(error: object, code: int) -> int:
    print(" ".join(str(error).split()), file=sys.stderr)
    return code


def _show_warning(message: object, category: type, *_: Any, **__: Any) -> None:
    # Without the line of source that Python shows, which tells a user nothing.
    if not issubclass(category, (DeprecationWarning, FutureWarning)):
        print(f"Warning: {message}", file=sys.stderr)

"""keras-dynres phone: a page that measures a bundle in a phone's browser."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras_dynres_cli.phone.server import Server

ABOUT = "Serves a page that measures a bundle in a phone's browser, and keeps figures."
EXAMPLE = "keras-dynres phone net.tflite --https"
FOLDER = "phone"


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "network",
        metavar="NET",
        help="a .tflite file of `export`, or a network of the zoo, which is exported "
        f"to {FOLDER}/NET.tflite unless it is there",
    )
    parser.add_argument("--port", type=int, default=8000, help="8000 by default")
    parser.add_argument(
        "--host",
        metavar="ADDRESS",
        help="this computer's address to listen on, by default every one",
    )
    parser.add_argument(
        "--https",
        action="store_true",
        help="show the address by which camera, threads and WebGPU work; the browser "
        "warns of its certificate",
    )
    parser.add_argument(
        "--out", metavar="SITE", help="write the page into a folder; serve nothing"
    )
    parser.add_argument("--no-qr", action="store_true", help="show no QR code")


def run(args: Namespace) -> None:
    """Serves until Ctrl-C, or writes the site."""
    from keras_dynres_cli import sources
    from keras_dynres_cli.phone.site import Site

    if Path(args.network).suffix == ".tflite":
        bundle = sources.existing(args.network)
    else:
        bundle = exported(args.network)
    site = Site(bundle)
    if args.out:
        folder = site.write(args.out)
        print(f"Wrote {folder}: a web server hands it out as it is.")
        return
    from keras_dynres_cli.phone import report
    from keras_dynres_cli.phone.server import Server

    keep = report.keeper(site.bundle, site.metadata, tell=_say)
    with Server(site, keep, args.port, args.host) as server:
        _say(welcome(server, args))
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            _say("\nEnded.")


def exported(name: str) -> Path:
    """The bundle of a network of the zoo with all its instances, made when missing."""
    from keras_dynres import tflite, zoo
    from keras_dynres_cli import sources

    card = zoo.card(name)
    path = sources.folder(FOLDER) / f"{name}.tflite"
    if path.is_file():
        print(f"Takes {path}: remove it to export {name} anew.")
        return path
    print(f"Exporting {name} to {path} ...", flush=True)
    tflite.export(
        zoo.load(name),
        path,
        instances="all",
        labels=card.network.labels or None,
        preprocessing=card.network.preprocessing,
    )
    return path


def welcome(server: "Server", args: Namespace) -> str:
    """What the terminal shows when the server is ready."""
    from keras_dynres_cli.phone import address

    shown = server.url(secure=args.https)
    lines = [f"\nOn the phone, in the same network: {shown}"]
    if server.local:
        lines = [
            f"\nOn this computer alone: {shown}",
            "No network was found: connect this computer to the phone's, or say --host."
            if not args.host
            else "",
        ]
    if not args.no_qr:
        lines.append(address.code(shown))
    if args.https:
        lines.append("The browser warns of the certificate, which is this computer's.")
    else:
        lines.append(
            "For camera, threads and WebGPU (a certificate the browser warns of):\n"
            f"  {server.url(secure=True)}"
        )
    if not args.host or server.local:
        host = server.url(host="localhost")
        lines.append(
            "By cable, with all of that and no warning: "
            f"adb reverse tcp:{server.port} tcp:{server.port}, then\n  {host}"
        )
    return "\n".join([*filter(None, lines), "Ctrl-C ends it."])


def _say(text: str) -> None:
    print(text, flush=True)

"""Where a phone finds this computer, and the code its camera reads."""

import io
import socket

from keras_dynres.errors import DynresError

LOOPBACK = "127.0.0.1"
MISSING = "The command needs more packages: pip install keras-dynres[phone]."


def own() -> str | None:
    """This computer's address on its network, None without a network.

    Example:

    ```python
    print(own())  # 192.168.1.7
    ```
    """
    # Nothing is sent: connecting a datagram socket only chooses the route. The address
    # is one that belongs to nobody.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address == "0.0.0.0" or address.startswith("127.") else address


def code(text: str) -> str:
    """A QR code of the text, for a terminal.

    Example:

    ```python
    print(code("http://192.168.1.7:8000/"))
    ```
    """
    try:
        import segno
    except ImportError as error:
        raise DynresError(MISSING) from error
    out = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out, border=2, compact=True)
    return out.getvalue()

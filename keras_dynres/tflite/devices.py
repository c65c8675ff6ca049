"""A bundle's menu with the milliseconds of a device that measured it."""

import shlex
from pathlib import Path

from keras_dynres.errors import DynresError, UnknownNameError
from keras_dynres.instance import Menu
from keras_dynres.tflite import facts, metadata
from keras_dynres.tflite.store import Setup, Store, here


def menu(
    path: str | Path,
    device: str | None = None,
    runtime: str | None = None,
    threads: int | None = None,
) -> Menu:
    """A bundle's menu with the latencies of a phone, or of this machine.

    A phone measures by `keras-dynres phone`, this machine by `Runner.benchmark`; the
    figures of one never stand for the other.

    Args:
        path: A file that `keras_dynres.tflite.export` wrote.
        device: Name of the phone, or a part of it that no other has; upper and lower
            case are the same. By default this machine.
        runtime: Of a phone that measured with several runtimes, which: a part of
            its name, such as `"webgpu"`; by default the one measured last.
        threads: Number of threads; by default that measured last, on this machine 1.

    Returns:
        A `Menu`. Instances that the device did not measure have no `latency_ms`.

    Example:

    ```python
    menu = kd.tflite.menu("net.tflite", device="pixel")
    print(menu.within(latency_ms=20).name)
    ```
    """
    fields = metadata.read_metadata(path)
    if device is not None:
        _, figures = measured(path, device, runtime, threads)
    elif runtime is not None:
        raise DynresError(
            "runtime= is a choice among those of a phone: name one by device=. "
            f"Received: runtime={runtime!r}."
        )
    else:
        figures = Store(path, fields["sha256"]).read(here(threads or 1))
    known = facts.menu(fields)
    for name, values in figures.items():
        if name in known:
            known.record(name, latency_ms=values["median_ms"])
    return known


def measured(
    path: str | Path,
    device: str,
    runtime: str | None = None,
    threads: int | None = None,
) -> tuple[Setup, dict[str, dict]]:
    """What a phone measured last, and on what; the arguments are those of `menu`.

    Args:
        path: Path of the bundle.
        device: As of `menu`.
        runtime: As of `menu`.
        threads: As of `menu`.

    Returns:
        A `Setup`, and a dict from instance name to figures.
    """
    phones = Store(path, metadata.read_metadata(path)["sha256"]).phones()
    if not phones:
        raise DynresError(
            "No phone has measured this bundle yet: run keras-dynres phone "
            f"{shlex.quote(str(path))}. Received: device={device!r}."
        )
    name = _phone(device, [setup.device for setup, _ in phones])
    phones = [pair for pair in phones if pair[0].device.casefold() == name]
    if runtime is not None:
        phones = _of_runtime(phones, runtime)
    if threads is not None:
        fitting = [pair for pair in phones if pair[0].threads == threads]
        if not fitting:
            counts = sorted({setup.threads for setup, _ in phones})
            raise UnknownNameError("number of threads", threads, counts)
        phones = fitting
    return phones[-1]


def _of_runtime(phones: list, runtime: str) -> list:
    names = [setup.runtime for setup, _ in phones]
    text = runtime.casefold()
    # "wasm" is a part of "wasm threads", too, but not its end.
    for fits in (str.endswith, str.__contains__):
        fitting = [pair for pair in phones if fits(pair[0].runtime.casefold(), text)]
        if fitting:
            return fitting
    raise UnknownNameError("runtime", runtime, dict.fromkeys(names))


def _phone(wanted: str, names: list[str]) -> str:
    """The one name that the text means, in lower case."""
    known = {name.casefold(): name for name in names}
    text = wanted.casefold()
    if text in known:
        return text
    fitting = [name for name in known if text in name]
    if len(fitting) > 1:
        listed = ", ".join(repr(known[name]) for name in fitting)
        raise DynresError(
            f"Several devices are called so: {listed}. Received: device={wanted!r}."
        )
    if not fitting:
        raise UnknownNameError("device", wanted, known.values())
    return fitting[0]

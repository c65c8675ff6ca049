"""The file beside a bundle that keeps what was measured, here and on phones."""

import dataclasses
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from keras_dynres import files
from keras_dynres.errors import DynresError

FORMAT = "keras_dynres.bench/1"
FIGURES = ("median_ms", "min_ms", "max_ms", "iqr_ms")
_KEY = ("cpu", "cores", "runtime", "threads", "sha256")


@dataclasses.dataclass(frozen=True)
class Setup:
    """On what figures were measured.

    Args:
        cpu: The processor, or all that a phone's browser tells of it.
        cores: Their number.
        runtime: Name and version of what ran the bundle.
        threads: Number of threads.
        device: A phone's name; None on this machine.
    """

    cpu: str
    cores: int | str
    runtime: str
    threads: int
    device: str | None = None

    def __str__(self) -> str:
        return f"{self.runtime}, {self.threads} thread{'s' * (self.threads != 1)}"


def here(threads: int) -> Setup:
    """This machine, with so many threads.

    >>> here(threads=2).device is None
    True
    """
    from keras_dynres.evaluation.environment import environment

    machine = environment()
    runtime = f"ai-edge-litert {machine.get('ai-edge-litert', 'unknown')}"
    return Setup(machine["CPU"], machine["Cores"], runtime, threads)


class Store:
    """The figures of one bundle, kept in `PATH.bench.json`.

    The file holds a list of records, one per device, processor, runtime version and
    number of threads, each with the hash of the bundle it was measured on; the one
    written last is the last. A record of the machine that the file lies on has no
    `device`. Figures can always be measured again: a file that cannot be read costs a
    warning, no more.

    Args:
        bundle: Path of the `.tflite` file.
        sha256: Its content hash.

    Example:

    >>> Store("never_measured.tflite", sha256=64 * "0").read(here(threads=1))
    {}
    """

    def __init__(self, bundle: str | Path, sha256: str):
        self.path = Path(f"{bundle}.bench.json")
        self.sha256 = sha256

    def read(self, setup: Setup) -> dict[str, dict]:
        """What was measured on a `Setup`: a dict from instance name to figures."""
        key = self._key(setup)
        for record in self._records():
            if _same(record, key):
                return record["latency"]
        return {}

    def phones(self) -> list[tuple[Setup, dict[str, dict]]]:
        """What each phone measured, as `read` gives it; the newest is the last."""
        names = [field.name for field in dataclasses.fields(Setup)]
        return [
            (Setup(**{name: record[name] for name in names}), record["latency"])
            for record in self._records()
            if "device" in record
        ]

    def write(self, setup: Setup, figures: Mapping[str, dict]) -> None:
        """Adds figures to those that are there, replacing an instance's older ones.

        Processes and threads that write at once wait for one another.

        Args:
            setup: On what they were measured.
            figures: Maps instances' names to figures.
        """
        key = self._key(setup)
        with (
            files.writing(self.path),
            FileLock(self.path.with_name(f".{self.path.name}.lock")),
        ):
            records = self._records()
            others = [r for r in records if not _same(r, key)]
            for record in records:
                if _same(record, key):
                    figures = {**record["latency"], **figures}
            records = [*others, {**key, "latency": figures}]
            text = json.dumps({"format": FORMAT, "records": records}, indent=1)
            files.write(self.path, text)

    def _key(self, setup: Setup) -> dict[str, Any]:
        fields = {**dataclasses.asdict(setup), "sha256": self.sha256}
        return {k: value for k, value in fields.items() if value is not None}

    def _records(self) -> list[dict]:
        if not self.path.exists():
            return []
        try:
            content = files.read_json(self.path, "latencies")
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']!r}")
            for record in content["records"]:
                _check(record)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            warnings.warn(
                f"The latencies in {str(self.path)!r} cannot be read and are ignored; "
                f"measure them anew ({error!r}).",
                stacklevel=4,
            )
            return []
        # Those of an older file under this name can never be asked for again.
        return [r for r in content["records"] if r["sha256"] == self.sha256]


def keep(store: Store, setup: Setup, figures: Mapping[str, dict]) -> None:
    """Writes figures; where that is not possible they are lost with a warning."""
    try:
        store.write(setup, figures)
    except DynresError as error:
        warnings.warn(f"The latencies are not kept: {error}", stacklevel=3)


def _same(record: Mapping[str, Any], key: Mapping[str, Any]) -> bool:
    return all(record.get(k) == key.get(k) for k in (*_KEY, "device"))


def _check(record: Mapping[str, Any]) -> None:
    for name in _KEY:
        record[name]
    for name in ("device", "runtime"):
        if not isinstance(record.get(name, ""), str):
            raise ValueError(f"{name}={record[name]!r}")
    for figures in record["latency"].values():
        for name in FIGURES:
            if not figures[name] >= 0:
                raise ValueError(f"{name}={figures[name]!r}")

"""Makes `litert.tar.xz`: LiteRT.js as browsers load it, from npm by the lock file.

    python tflite/web/runtime/archive.py

Needs npm. The same packages give the same archive: files in order, no dates, no owners.
"""

import io
import lzma
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ARCHIVE = HERE / "litert.tar.xz"
# Workers know no names of packages: the one such import is written as a path.
BARE, PATH = b'"@litertjs/wasm-utils"', b'"../wasm-utils/index.js"'


def installed(folder: Path) -> Path:
    """Has npm install the packages of the lock file; the folder they lie in.

    Args:
        folder: An empty folder.
    """
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_bytes((HERE / name).read_bytes())
    npm = "npm.cmd" if os.name == "nt" else "npm"
    words = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder / "node_modules" / "@litertjs"


def contents(packages: Path) -> dict[str, bytes]:
    """What the archive holds, by paths.

    Args:
        packages: The folder of the packages `core` and `wasm-utils`.
    """
    core = (packages / "core" / "dist" / "index.js").read_bytes()
    if core.count(BARE) != 1:
        raise ValueError(
            f"core/dist/index.js imports {BARE!r} {core.count(BARE)} times"
        )
    utils = packages / "wasm-utils" / "dist" / "index.js"
    files = {
        "LICENSE": (HERE / "LICENSE").read_bytes(),
        "NOTICE": (HERE / "NOTICE").read_bytes(),
        "core/index.js": core.replace(BARE, PATH),
        "wasm-utils/index.js": utils.read_bytes(),
    }
    for path in (packages / "core" / "wasm").iterdir():
        files[f"wasm/{path.name}"] = path.read_bytes()
    return dict(sorted(files.items()))


def packed(files: dict[str, bytes]) -> bytes:
    """The archive of some files.

    Args:
        files: Contents by paths, in order.
    """
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    # The builds are much alike: a dictionary of 64 MiB reaches back over all of them.
    return lzma.compress(plain.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def main() -> None:
    """Writes the archive beside this file."""
    with tempfile.TemporaryDirectory() as folder:
        data = packed(contents(installed(Path(folder))))
    part = ARCHIVE.with_suffix(".part")
    part.write_bytes(data)
    part.replace(ARCHIVE)
    print(f"{ARCHIVE.name}: {len(data):,} bytes")


if __name__ == "__main__":
    main()

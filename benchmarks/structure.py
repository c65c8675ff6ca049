"""What is the package made of, and through how much of it do its main ways go?

    python benchmarks/structure.py                  # what is committed here

Of each revision: modules, lines and rooms (folders and files at the top) of the package
and the command; what methods override of the core; and, by running it under a
profiler's hook, which modules

- a training step of one instance enters (SDPoint, once it is compiled),
- a training step of several instances enters (Resizable, fair sampling),
- the name of an instance goes through, from `keras-dynres export --instances NAME` to
  the signature in the file: modules of which a function is handed the name.

Writes structure.json and structure.md beside this script, or where --out says. Nothing
is timed: it may run beside other work. Wants git, and the tests' requirements.
"""

import ast
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from _output import command, options, progress, table, write

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("keras_dynres", "keras_dynres_cli")
# Where the core stood before it had a room.
CORE = ("core/dynamic.py", "dynamic.py", "method.py")
CHILD = """
import json, pathlib, sys
import keras, numpy as np
import keras_dynres as kd
import keras_dynres_cli
home = pathlib.Path(kd.__file__).parents[1]

def entered(function, wanted=lambda frame: True):
    modules = []
    def hook(frame, event, argument):
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(str(home / "keras_dynres")):
            if wanted(frame):
                module = str(pathlib.Path(path).relative_to(home))
                if not modules or modules[-1] != module:
                    modules.append(module)
    sys.setprofile(hook)
    try:
        function()
    finally:
        sys.setprofile(None)
    return modules

def compiled(model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01), loss)
    return model

def base():
    return kd.architectures.wide_resnet(depth=10, width=1, input_shape=(16, 16, 3))

x, y = np.zeros((4, 16, 16, 3), "float32"), np.zeros(4, "int32")

def step(model):
    compiled(model)
    for _ in range(2):  # Trace and compile, and count for nothing.
        model.train_on_batch(x, y)
        model.optimizer.iterations.assign(0)
    model.train_function.rewind()
    return entered(lambda: model.train_function(iter([(x, y)])))

net = kd.SDPoint(base(), ratios=[0.5])
rows = {"step": step(net), "steps": step(kd.Resizable(base(), scales=[0.5, 1]))}
net.calibrate(x, verbose=0)
net.save("net.keras")
name = "p2@0.5"

def handed(frame):
    for value in list(frame.f_locals.values()):
        if value is name or isinstance(value, str) and value == name:
            return True
        if isinstance(value, (list, tuple, dict)) and len(value) < 50 and name in value:
            return True
    return False

words = ["export", "net.keras", "-o", "net.tflite", "--instances", name]
rows["name"] = entered(lambda: keras_dynres_cli.main(words), handed)
print(json.dumps(rows))
"""


def counted(folder):
    """Modules, lines and rooms of a checkout."""
    sources = [path for name in PACKAGES for path in (folder / name).rglob("*.py")]
    top = folder / PACKAGES[0]
    rooms = {path.relative_to(top).parts[0] for path in top.rglob("*.py")}
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in sources}
    longest = max(lines, key=lines.get)
    return {
        "modules": len(sources),
        "lines": sum(lines.values()),
        "rooms": len(rooms - {"__init__.py"}),
        "longest": f"{longest.relative_to(folder)} ({lines[longest]})",
        "hooks": hooks(top),
    }


def hooks(top):
    """What subclasses of the package define of the model that every method is."""
    trees = [ast.parse(path.read_text("utf-8")) for path in top.rglob("*.py")]
    classes = {
        node.name: node
        for syntax in trees
        for node in ast.walk(syntax)
        if isinstance(node, ast.ClassDef)
    }
    base = [classes[name] for name in ("DynamicModel", "Method") if name in classes]
    offered = {member for node in base for member in members(node)}
    known, grown = {node.name for node in base}, True
    while grown:
        grown = {
            name
            for name, node in classes.items()
            if name not in known
            and known & {parent.id for parent in node.bases if hasattr(parent, "id")}
        }
        known |= grown
    heirs = known - {node.name for node in base}
    overridden = {
        member
        for name in heirs
        for member in members(classes[name])
        if member in offered and not member.startswith("__")
    }
    # What Keras has every model override is no hook of ours.
    keras = {"call", "build", "compile", "fit", "predict", "get_config"}
    keras |= {"compute_loss", "compute_metrics", "make_train_function"}
    return sorted(overridden - keras)


def members(node):
    """Names that a class body defines."""
    for part in node.body:
        if isinstance(part, ast.FunctionDef):
            yield part.name
        elif isinstance(part, ast.Assign):
            yield from (target.id for target in part.targets)


def measured(revision):
    """The row of a revision, from a checkout of its own."""
    progress(revision)
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        packed = subprocess.run(
            ["git", "archive", revision, *PACKAGES],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
        )
        subprocess.run(["tar", "x", "-C", place], input=packed.stdout, check=True)
        environment = {
            **os.environ,
            "PYTHONPATH": place,
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        done = subprocess.run(
            [sys.executable, "-c", CHILD],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
        )
        ways = json.loads(done.stdout.splitlines()[-1])
        return {"revision": revision, **counted(folder), "ways": ways}


def entries(row, way):
    """Rooms and modules a way enters, and how often it goes from one into another."""
    modules = row["ways"][way]
    rooms = {pathlib.Path(m.removeprefix("keras_dynres/")).parts[0] for m in modules}
    return f"{len(rooms)} rooms, {len(set(modules))} modules, {len(modules)} entries"


def main():
    parser = options(__doc__, "structure")
    parser.add_argument("--revisions", nargs="+", default=["fab1725", "HEAD"])
    args = parser.parse_args()
    rows = [measured(revision) for revision in args.revisions]
    head = "| " + " | ".join(row["revision"] for row in rows)
    titles = {
        "step": "a step of one instance",
        "steps": "a step of several",
        "name": "an instance's name, command to signature",
    }
    cells = {
        "modules": lambda row: row["modules"],
        "lines": lambda row: row["lines"],
        "rooms at the top": lambda row: row["rooms"],
        "longest module": lambda row: row["longest"],
        "hooks that methods override": lambda row: len(row["hooks"]),
        **{
            title: lambda row, way=way: entries(row, way)
            for way, title in titles.items()
        },
    }
    lines = table(
        head,
        [
            " | ".join([title, *(str(cell(row)) for row in rows)])
            for title, cell in cells.items()
        ],
    )
    lines += [
        f"Hooks at `{row['revision']}`: {', '.join(row['hooks'])}.\n" for row in rows
    ]
    for row in rows:
        lines.append(f"Ways at `{row['revision']}`, modules in the order of entry:\n")
        for way in row["ways"]:
            names = list(dict.fromkeys(row["ways"][way]))
            lines.append(f"- {way}: {', '.join(names)}")
        lines.append("")
    write(args.out, "Structure", command(args), rows, lines)


if __name__ == "__main__":
    main()

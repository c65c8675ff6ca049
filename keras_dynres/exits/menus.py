"""Curves as menus: what each exit and each policy is worth on the same images."""

from keras_dynres.errors import DynresError
from keras_dynres.exits import checking
from keras_dynres.exits.simulating import simulate
from keras_dynres.instance import Instance, Menu


def anytime_menu(probabilities, labels, macs, flops, names=None):
    """The exits as a menu: what all images cost and get when stopped after each.

    Args:
        probabilities: What each exit says, (exits, images, classes).
        labels: The images' classes, (images,).
        macs: MACs of an image that leaves at each exit, increasing.
        flops: FLOPs likewise.
        names: The exits' names, by default `exit1`, `exit2` and on.

    Returns:
        A `Menu` whose instances have `accuracy` measured.

    Example:

    >>> probabilities = [[[0.9, 0.1], [0.6, 0.4]], [[1.0, 0.0], [0.2, 0.8]]]
    >>> menu = kd.exits.anytime_menu(probabilities, [0, 1], [10, 30], [20, 60])
    >>> [(each.name, each.macs, each.measured["accuracy"]) for each in menu]
    [('exit1', 10, 0.5), ('exit2', 30, 1.0)]
    """
    probabilities, labels = _checked(probabilities, labels)
    macs, flops = _costs(macs, flops, len(probabilities))
    names = names or [f"exit{k}" for k in range(1, len(macs) + 1)]
    right = (probabilities.argmax(axis=-1) == labels).mean(axis=1)
    return Menu(
        Instance(name, {"exit": k}, round(m), round(f), None, {"accuracy": float(a)})
        for k, (name, m, f, a) in enumerate(
            zip(names, macs, flops, right, strict=True), 1
        )
    )


def budgeted_menu(policies, probabilities, labels, macs, flops):
    """Policies as a menu: what the images of a batch cost and get under each.

    Args:
        policies: `Policy` objects, fitted to other images.
        probabilities: What each exit says, (exits, images, classes).
        labels: The images' classes, (images,).
        macs: MACs of an image that leaves at each exit, increasing.
        flops: FLOPs likewise.

    Returns:
        A `Menu` of `budget1`, `budget2` and on, whose costs are the mean of an image.
        Measured are `accuracy` on these images, the `budget` and, on those that the
        thresholds were fitted to, `held_out_cost` and `held_out_accuracy`.

    Example:

    >>> first, last = [[0.9, 0.1], [0.6, 0.4]], [[1.0, 0.0], [0.2, 0.8]]
    >>> policy = kd.exits.solve([first, last], [0, 1], [10, 30], budget=20)
    >>> others = [first[:1], last[:1]], [0], [10, 30], [20, 60]
    >>> menu = kd.exits.budgeted_menu([policy], *others)
    >>> menu["budget1"].macs, menu["budget1"].measured["held_out_cost"]
    (10, 20.0)
    """
    probabilities, labels = _checked(probabilities, labels)
    macs, flops = _costs(macs, flops, len(probabilities))
    instances = []
    for number, policy in enumerate(policies, 1):
        exits, classes = simulate(probabilities, policy)
        settings = {
            "unit": policy.unit,
            "rule": policy.rule,
            "q": policy.q,
            "thresholds": list(policy.thresholds),
        }
        measured = {
            "accuracy": float((classes == labels).mean()),
            "budget": policy.budget,
            "held_out_cost": policy.expected_cost,
            "held_out_accuracy": policy.accuracy,
        }
        paid = round(macs[exits].mean()), round(flops[exits].mean())
        instances.append(
            Instance(f"budget{number}", settings, *paid, measured=measured)
        )
    return Menu(instances)


def _checked(probabilities, labels):
    probabilities = checking.probabilities(probabilities)
    _, images, classes = probabilities.shape
    if not images:
        raise DynresError("Accuracy needs an image at least. Received: no images.")
    return probabilities, checking.labels(labels, images, classes)


def _costs(macs, flops, exits):
    return checking.costs(macs, exits), checking.costs(flops, exits)

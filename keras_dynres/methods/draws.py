"""Which scales are trained together: the drawing of scaling configurations."""

import itertools


def every(scales, stages):
    """All configurations, a tuple of one scale a stage each.

    >>> every((0.5, 1.0), stages=2)
    [(0.5, 0.5), (0.5, 1.0), (1.0, 0.5), (1.0, 1.0)]
    """
    return list(itertools.product(scales, repeat=stages))


def fair(scales, stages, draw):
    """As many configurations as scales; each scale stands once at each stage.

    >>> import numpy as np
    >>> drawn = fair((0.5, 0.75, 1.0), stages=2, draw=np.random.default_rng(0))
    >>> [sorted(stage) for stage in zip(*drawn)]
    [[0.5, 0.75, 1.0], [0.5, 0.75, 1.0]]
    """
    orders = [draw.permutation(len(scales)) for _ in range(stages)]
    return [tuple(scales[i] for i in places) for places in zip(*orders, strict=True)]


def random(scales, stages, draw, count):
    """Configurations drawn independently, with every scale as likely at each stage.

    >>> import numpy as np
    >>> random((0.5, 1.0), stages=3, draw=np.random.default_rng(0), count=2)
    [(1.0, 1.0, 1.0), (0.5, 0.5, 0.5)]
    """
    places = draw.integers(len(scales), size=(count, stages))
    return [tuple(scales[i] for i in row) for row in places]


def sandwich(scales, stages, draw, count):
    """The largest, the smallest, and others drawn at random.

    >>> import numpy as np
    >>> sandwich((0.5, 1.0), stages=2, draw=np.random.default_rng(0), count=3)
    [(1.0, 1.0), (0.5, 0.5), (1.0, 1.0)]
    """
    ends = [(max(scales),) * stages, (min(scales),) * stages]
    return ends + random(scales, stages, draw, count - 2)

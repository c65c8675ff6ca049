"""Thresholds that let given shares of the held-out images leave at each exit."""

import numpy as np


def assign(confidences, shares):
    """Thresholds by which `shares` of all images leave, exit after exit.

    The surest of the images still there leave first. By each exit at least its
    cumulative share has left, rounded up to whole images, so the mean cost is never
    above that of the shares, and below it by less than one image's. Images of equal
    confidence leave together, early; the exits after make up for it.

    Each threshold lies midway between the last image that leaves and the first that
    stays: what is predicted in other batches may differ in the last digits.

    Args:
        confidences: (exits, images).
        shares: The share of all images that leaves at each exit.

    Returns:
        A tuple of floats, the last 0.

    Example:

    >>> assign(np.array([[0.9, 0.7, 0.5, 0.3], [1.0, 1.0, 1.0, 1.0]]), [0.5, 0.5])
    (0.6, 0.0)
    """
    images = confidences.shape[1]
    # A millionth of an image is rounding, not an image.
    due = np.ceil(images * np.cumsum(shares) - 1e-6).astype(int)
    staying = np.arange(images)
    thresholds = []
    for row, left in zip(confidences[:-1], due, strict=False):
        threshold = _threshold(row[staying], left - (images - len(staying)))
        staying = staying[row[staying] < threshold]
        thresholds.append(threshold)
    return (*thresholds, 0.0)


def _threshold(confidences, leaving):
    """The threshold that the surest `leaving` images pass, and those that tie."""
    if leaving >= len(confidences):
        return 0.0
    if leaving <= 0:
        return 1.0
    ordered = np.sort(confidences)
    least = ordered[-leaving]
    below = ordered[: np.searchsorted(ordered, least)]
    return midway(below[-1], least) if len(below) else 0.0


def midway(low, high):
    """Midway between two confidences, where only the higher one passes."""
    middle = (low + high) / 2
    return float(middle if middle > low else high)

"""Kernels in a byte for each weight: the float8 of four exponent bits and three more.

An array has one exponent of its own, by which its largest value fits.
"""

import ml_dtypes
import numpy as np

MANTISSA_BITS = 3
# The largest value of an array becomes one from 128 to 240, of at most 448 there are.
_LARGEST = 7
# What is rounded up to a power of two.
_NEXT = 31 / 32


def rounded(values: np.ndarray) -> np.ndarray:
    """The nearest values that a byte and the array's exponent hold.

    >>> import numpy as np
    >>> rounded(np.array([1.0, 0.3, -0.7])).tolist()
    [1.0, 0.3125, -0.6875]
    """
    exponent = _exponent(values)
    return decoded(_coded(values, exponent), exponent, values.dtype)


def coded(values: np.ndarray) -> tuple[np.ndarray, int] | None:
    """The bytes and the exponent of an array; None where they would change it."""
    if not np.isfinite(values).all():
        return None
    exponent = _exponent(values)
    codes = _coded(values, exponent)
    with np.errstate(over="ignore"):  # Of float64, what float32 does not reach.
        same = np.array_equal(decoded(codes, exponent), values)
    return (codes, exponent) if same else None


def decoded(codes: np.ndarray, exponent: int, dtype: type = np.float32) -> np.ndarray:
    """The array of `coded`'s bytes."""
    values = codes.view(ml_dtypes.float8_e4m3fn).astype(dtype)
    return np.ldexp(values, exponent).astype(dtype)


def _coded(values: np.ndarray, exponent: int) -> np.ndarray:
    return np.ldexp(values, -exponent).astype(ml_dtypes.float8_e4m3fn).view(np.uint8)


def _exponent(values: np.ndarray) -> int:
    """By which the largest value fits; that of the rounded array is the same."""
    largest = np.abs(values).max(initial=0)
    if not largest:
        return 0
    mantissa, exponent = np.frexp(largest)
    return int(exponent) - 1 - _LARGEST + int(mantissa >= _NEXT)

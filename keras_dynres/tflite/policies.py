"""The policies in a bundle, and those handed to it."""

import json

import numpy as np

from keras_dynres.errors import DynresError
from keras_dynres.exits import Policy


def kept(metadata):
    """A bundle's own policies."""
    fields = metadata.get("policies", [])
    return [Policy.from_json(json.dumps(each)) for each in fields]


def find(given, metadata, chain):
    """The policy meant, which must be one of this bundle's model.

    Args:
        given: A `Policy`, JSON text, a path, or a position in `kept`.
        metadata: The bundle's.
        chain: The bundle's `Chain` of stages.
    """
    if isinstance(given, Policy):
        policy = given
    elif isinstance(given, int):
        policy = _numbered(given, kept(metadata))
    else:
        policy = Policy.from_json(given)
    policy.check(metadata["model"], chain.exits, chain.costs)
    return policy


def sureness(outputs, metadata):
    """The largest probability that one image's outputs give a class."""
    if metadata["output"]["activation"] == "probabilities":
        return outputs.max()
    return 1 / np.exp(outputs - outputs.max()).sum()


def _numbered(position, policies):
    if position not in range(len(policies)):
        raise DynresError(
            f"This bundle holds {len(policies)} policies, counted from 0. "
            f"Received: policy={position}."
        )
    return policies[position]

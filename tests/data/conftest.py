"""A data set of a few pictures on disk."""

import pytest
from pictures import write


@pytest.fixture(scope="session")
def pictures_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    write(folder)
    return str(folder)

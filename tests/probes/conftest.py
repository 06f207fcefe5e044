from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_base import tiny_base as tiny_base

from probes.recipe import Precision
from probes.warm_base import LoadedBase, load_base

PRECISION: Precision = "auto"


@pytest.fixture(scope="session")
def base(tiny_base: Path) -> Iterator[LoadedBase]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_base(tiny_base, PRECISION)
    torch.set_num_threads(threads)

from collections.abc import Iterator

import pytest
from fakes_llm_server import LLMServer


@pytest.fixture
def server() -> Iterator[LLMServer]:
    with LLMServer() as server:
        yield server

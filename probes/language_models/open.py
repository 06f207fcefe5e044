"""Opens the language model that a session names. The SDKs are loaded here and nowhere earlier."""

from __future__ import annotations

from collections.abc import Mapping

from probes.language_models.config import ModelAccess, read_key
from probes.language_models.model import LanguageModel


def open_model(access: ModelAccess, environ: Mapping[str, str]) -> LanguageModel:
    """Return a client with the key from `environ`; nothing is sent yet.

    Raises:
        LaunchError: the key's variable is not set and the server is not on this machine.
    """
    key = read_key(access, environ)
    if access.provider == "anthropic":
        from probes.language_models.anthropic_client import AnthropicModel

        return AnthropicModel(access, key)
    from probes.language_models.openai_client import OpenAIModel

    return OpenAIModel(access, key)

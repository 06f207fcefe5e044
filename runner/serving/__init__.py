"""The vLLM server of a night: its command, its environment, its start, watch and end."""

"""Language models behind one protocol: the only home of the openai and anthropic libraries."""

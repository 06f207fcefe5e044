"""Suites, generation and scorers: from an adapter to per-item scores."""

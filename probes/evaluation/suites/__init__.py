"""Suites: items, how they are read, split, named by content, checked and counted."""

"""Scorers: one small class per kind of component, one protocol."""

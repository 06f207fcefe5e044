"""Benches: the project's decisions beside its peers', on nights whose truth is known and on public runs."""

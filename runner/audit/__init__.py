"""`nightlab audit`: other tools' results, read with suspicion."""

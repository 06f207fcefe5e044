"""Generation backends: who answers a suite, behind one protocol."""

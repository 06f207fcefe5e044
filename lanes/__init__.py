"""What may change: the three families of search moves and the knobs they own."""

"""Pure statistics over values: noise, race, comparison, power. No I/O, no clock, no randomness of its own."""

"""`make faults`: everything that can go wrong at night, made to go wrong, and asserted on the ledger."""

"""The morning report, rebuilt from the ledger alone."""

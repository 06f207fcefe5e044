"""What happened: the append-only ledger, its views, and its copies for humans."""

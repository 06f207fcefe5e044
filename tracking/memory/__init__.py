"""What nights learn from one another: found on disk, kept small, told in tonight's ledger."""

"""Reading, mixing and ordering training rows."""

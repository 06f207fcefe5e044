"""Simulated nights of a session: what its budget is expected to find and to miss, before money is spent."""

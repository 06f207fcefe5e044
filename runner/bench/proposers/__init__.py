"""`make bench-proposers`: the true value of the recipe that each proposer ends with, on known landscapes."""

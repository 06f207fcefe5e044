"""Our scorers held against other people's collections of cases: `make conformance DATA=folder`."""

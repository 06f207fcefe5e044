"""Time, money and processes: sessions, launchers, budgets, the command line and the report."""

"""Several nights at once: side by side, and the table that a project keeps over months. From ledgers alone."""

"""The project's documents as programs: their commands are run, and what they print is what the documents show."""

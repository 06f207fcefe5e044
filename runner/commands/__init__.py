"""The verbs of `nightlab`, a module for each part of the day; nothing heavy is imported before a verb is used."""

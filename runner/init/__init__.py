"""`nightlab init`: from a few answers to a session file that teaches."""

"""Who proposes the next change: one protocol, and everything that speaks it. No proposer decides anything."""

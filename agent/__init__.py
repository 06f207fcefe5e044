"""The loop that proposes: a LangGraph graph over the ledger."""

"""The embedded default: a tiny invented world, a model pre-trained on it, preference pairs and rule-scored items."""

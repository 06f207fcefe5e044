"""What is trained and measured: recipes, probes, outcomes and the statistics that compare them."""

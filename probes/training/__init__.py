"""Short LoRA trainings: the only home of trl and peft."""

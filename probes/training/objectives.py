"""TRL's trainers, built from a recipe: everything they would do beside training is switched off."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, TaskType
from transformers import PrinterCallback, Trainer, TrainerCallback
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from probes.recipe import Recipe
from probes.training.precision import trains_in_bfloat16
from probes.training.tokenized import PreparedDataset

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that the module is experimental; the version is part of every request
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

_OPTIMIZERS = {"adamw_torch": "adamw_torch_fused", "adamw_8bit": "adamw_8bit", "sgd": "sgd"}


def lora_config(recipe: Recipe) -> LoraConfig:
    """Return the adapter's shape as PEFT reads it."""
    return LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=recipe.rank,
        lora_alpha=recipe.alpha,  # pyright: ignore[reportArgumentType]  # PEFT computes with floats
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.target_modules),
    )


def trainer_arguments(recipe: Recipe, steps: int, seed: int, folder: Path) -> dict[str, Any]:
    """Return the arguments that all three trainers share.

    Rows arrive in the curriculum's order and are read sequentially. Every step is logged, because the first loss that
    is not a number ends the probe.
    """
    return {
        "output_dir": str(folder),
        "seed": seed % 2**32,
        "max_steps": steps,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.scheduler,
        "warmup_steps": min(math.ceil(recipe.warmup_ratio * steps), steps - 1),
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "per_device_train_batch_size": recipe.batch_size,
        "gradient_accumulation_steps": recipe.gradient_accumulation,
        "optim": _OPTIMIZERS[recipe.optimizer],
        "bf16": trains_in_bfloat16(recipe.precision),
        "use_cpu": not torch.cuda.is_available(),
        "train_sampling_strategy": "sequential",
        "max_length": recipe.max_length,
        "gradient_checkpointing": False,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": torch.cuda.is_available(),
        "remove_unused_columns": False,
    }


def build_trainer(
    model: Any,
    tokenizer: Any,
    rows: PreparedDataset,
    recipe: Recipe,
    arguments: dict[str, Any],
    callback: TrainerCallback,
) -> Trainer:
    """Return the objective's trainer around `model`, with a fresh adapter initialised from the seed.

    TRL's own dropout switch stays off, since it would silence the recipe's LoRA dropout as well.
    """
    settings: dict[str, Any] = {
        "model": model,
        "train_dataset": rows,
        "processing_class": tokenizer,
        "callbacks": [callback],
        "peft_config": lora_config(recipe),
    }
    trainer: Trainer
    match recipe.objective:
        case "orpo":
            orpo = ORPOConfig(**arguments, beta=recipe.beta, disable_dropout=False)
            trainer = ORPOTrainer(args=orpo, **settings)
        case "dpo":
            dpo = DPOConfig(**arguments, beta=recipe.beta, disable_dropout=False)
            trainer = DPOTrainer(args=dpo, **settings)
        case "sft":
            sft = SFTConfig(**arguments, completion_only_loss=False)
            trainer = SFTTrainer(args=sft, **settings)
    trainer.remove_callback(PrinterCallback)
    return trainer

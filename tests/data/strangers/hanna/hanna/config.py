from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field


class AgentConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = "plow"
    hidden_size: int = Field(128, ge=8)
    num_layers: int = Field(2, ge=1, le=4)
    clip_range: float = Field(0.0, ge=0.0)
    analyze_weights_interval: int = 300

    def options(self) -> dict[str, Any]:
        return self.model_dump(exclude={"name"})


class FitConfig(BaseModel):
    lr: float = 4.573e-4
    horizon: int = 64
    rows: int = 128
    accumulate: int = Field(1, ge=1)
    device: Literal["cpu", "cuda"] = "cpu"


def read(path: Path) -> tuple[AgentConfig, FitConfig]:
    data = yaml.safe_load(path.read_text())
    return AgentConfig(**data["agent"]), FitConfig(**data.get("fit", {}))

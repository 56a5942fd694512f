import attrs
from attrs import validators


@attrs.define(kw_only=True)
class AgentSettings:
    width: int = attrs.field(default=128, validator=validators.gt(0))
    clip_range: float = attrs.field(default=0.0, validator=validators.ge(0))
    analyze_weights_interval: int = 300
    dropout: float = 0.0


@attrs.frozen
class Step:
    """What one pass over a TensorDict gives."""

    log_probs: "torch.Tensor"
    value: "torch.Tensor"

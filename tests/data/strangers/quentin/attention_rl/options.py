import attrs


@attrs.define(kw_only=True)
class Options:
    policy: str = "gaze"
    width: int = 128
    layers: int = 2
    heads: int = 4
    clip_range: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    analyze_weights_interval: int = 300
    slots: int = 2048
    compile: bool = False
    amp: bool = True

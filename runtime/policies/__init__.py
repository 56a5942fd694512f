"""The policies that the reference wrote by hand, on the base class: `Fast`, three `LatentAttn*`, `Example`.

    policy = Fast(env, clip_range=0.05)
    policy = LatentAttnSmall(env, mode="reference")

`env` describes observation tokens (`single_observation_space`, `obs_width`, `obs_height`,
`feature_normalizations`) and actions (`single_action_space`, and where it has them `action_names` and
`max_action_args`).
"""

from .example import Example
from .fast import Fast
from .latent import LatentAttnMed, LatentAttnSmall, LatentAttnTiny

__all__ = ["Example", "Fast", "LatentAttnMed", "LatentAttnSmall", "LatentAttnTiny"]

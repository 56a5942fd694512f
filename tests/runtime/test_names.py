"""Config keys that no constructor reads."""

import warnings

from torch import nn

from policyfix.runtime import warn_unknown_config


class Policy(nn.Module):
    def __init__(self, env: object, clip_range: float = 0.0, **kwargs: object) -> None:
        super().__init__()
        warn_unknown_config(self, kwargs)


def test_unknown_keys_are_named_with_what_they_may_mean_at_the_line_that_builds() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Policy(None, clip_rnge=0.5, zebra=1)
        Policy(None, clip_range=0.5)
    (warning,) = caught
    assert str(warning.message) == (
        "Policy does not read these config keys: 'clip_rnge' (did you mean 'clip_range'?), 'zebra'"
    )
    assert warning.filename == __file__

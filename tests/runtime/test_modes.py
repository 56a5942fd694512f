import dataclasses

import pytest

from policyfix.runtime.modes import REFERENCE, SOUND, Mode, reasons, resolve_mode


def test_every_switch_is_on_in_sound_mode_off_in_reference_mode_and_has_its_reason() -> None:
    assert set(dataclasses.asdict(SOUND).values()) == {True}
    assert set(dataclasses.asdict(REFERENCE).values()) == {False}
    assert reasons().keys() == dataclasses.asdict(SOUND).keys()
    assert all(len(reason) > 40 and reason.endswith(".") for reason in reasons().values())


def test_a_mode_is_named_or_given() -> None:
    own = dataclasses.replace(SOUND, reset_within_sequences=False)
    assert resolve_mode("sound") is SOUND
    assert resolve_mode("reference") is REFERENCE
    assert resolve_mode(own) is own
    with pytest.raises(ValueError, match="sound, reference or a Mode, got 'parity'"):
        resolve_mode("parity")
    with pytest.raises(TypeError, match="reset_somewhere"):
        Mode(reset_somewhere=True)

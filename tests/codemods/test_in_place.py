"""Fixes for what is not migrated: what they make of the source, and when they keep their hands off."""

# ruff: noqa: E501 - tables of sources read best one case a line

from __future__ import annotations

from pathlib import Path

import pytest
from classic_agents import BASE_CALL, CORE, FORWARD, LOG_PROBS, SIGNATURE, WRAPPER, Files, case

from policyfix import contract, engine
from policyfix.rewrite import rewrite

WARM = (LOG_PROBS, LOG_PROBS.replace("logits,", "logits / 0.7,"))  # a temperature: never migrated


def after(files: Files, folder: Path) -> str:
    for name, text in files.items():
        (folder / name).write_text(text)
    changes = rewrite([folder], contract.load()).changes
    return next(c.after.decode() for c in changes if c.path.endswith("agent.py"))


def reasons(files: Files, folder: Path) -> dict[str, str]:
    for name, text in files.items():
        (folder / name).write_text(text)
    found = engine.check([folder], contract.load()).findings
    return {f.code: f.unfixed or "" for f in found}


def test_what_is_added_reads_as_if_it_had_been_written_by_hand(tmp_path: Path) -> None:
    text = after(case(WARM), tmp_path)
    for expected in (
        "from policyfix.runtime import StateStore, clip_weights, warn_unknown_config, write_stamps\n",
        "        hidden_size=32,\n        clip_range=0.0,\n        analyze_weights_interval=300,\n"
        "        **kwargs,\n    ):\n",
        BASE_CALL
        + "        self.clip_range = clip_range\n"
        + "        self.analyze_weights_interval = analyze_weights_interval\n"
        + "        warn_unknown_config(self, kwargs)\n"
        + "        self.memory = StateStore(self.lstm.num_layers, self.lstm.hidden_size)\n\n",
        FORWARD + "        write_stamps(td)\n",
        "        output, _ = self.memory.unroll(self.lstm, hidden, td, training=action is not None)\n",
        '        return "stays"\n\n    def has_memory(self):\n',
        "        return self.memory.get_memory()\n",
        "        self.memory.set_memory(memory)\n",
        "        self.memory.reset_env_memory(group_id)\n",
        "        clip_weights(self, self.clip_range)\n",
    ):
        assert expected in text


def test_a_state_that_callers_may_bring_is_still_taken(tmp_path: Path) -> None:
    given = (
        '        given = (state["lstm_h"], state["lstm_c"]) if state else None\n'
        "        output, (new_h, new_c) = self.lstm(hidden, given)\n"
    )
    text = after(case(WARM, (CORE, given)), tmp_path)
    assert "self.memory.unroll(self.lstm, hidden, td, given, training=action is not None)\n" in text


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (case(WARM, (CORE, "        self.steps = 1\n" + CORE), wrapper=WRAPPER.replace("LSTM(input_size, hidden_size)", "LSTM(input_size, hidden_size, 2, dropout=0.1)")), "options that the store does not know"),
        (case(WARM, (CORE, "        output, _ = self.lstm(input=hidden)\n")), "calls its LSTM with keywords"),
        (case(WARM, (CORE, "        core = self.lstm\n        output, _ = core(hidden)\n")), "by that name"),
        (case(WARM, (CORE, "        action = None if action is None else action.long()\n" + CORE)), "assigns action"),
        (case(WARM, (CORE, "        td = td[0]\n" + CORE)), "assigns td"),
        (case(WARM, (BASE_CALL, BASE_CALL + "        self.memory = []\n")), "may have a memory of its own"),
        (case(WARM, (BASE_CALL, BASE_CALL + "        if input_size > 9:\n            return\n        self.big = True\n")), "may return early"),
        (case(WARM, (CORE, "        output = self._run(hidden)\n"), ("    def describe", "    def _run(self, hidden):\n        return self.lstm(hidden)[0]\n\n    def describe")), "outside forward"),
        (case(WARM, ("    def describe", "    def reset_memory(self):\n        pass\n\n    def describe")), "may have a reset_memory of its own"),
    ],
)  # fmt: skip
def test_the_state_is_not_kept_where_that_is_not_certain(files: Files, reason: str, tmp_path: Path) -> None:
    said = reasons(files, tmp_path)
    assert reason in said["PF205"]
    assert reason in said["PF202"]
    assert "StateStore" not in after(files, tmp_path)


def test_kwargs_that_nothing_read_are_named_in_the_warning(tmp_path: Path) -> None:
    text = after(case(WARM, (SIGNATURE, SIGNATURE.replace("):", ", **config):"))), tmp_path)
    assert "warn_unknown_config(self, config)\n" in text
    assert "kwargs" not in text


def test_kwargs_that_somebody_reads_are_left_to_them(tmp_path: Path) -> None:
    files = case(
        WARM,
        (SIGNATURE, SIGNATURE.replace("):", ", **config):")),
        (BASE_CALL, BASE_CALL.replace(")\n", ", **config)\n").replace("__(,", "__(")),
    )
    text = after(files, tmp_path)
    assert "warn_unknown_config" not in text
    assert "self.clip_range = clip_range\n" in text


def test_nothing_clips_by_a_range_that_nobody_keeps(tmp_path: Path) -> None:
    files = case(WARM, (BASE_CALL, "        if True:\n    " + BASE_CALL))
    said = reasons(files, tmp_path)
    assert "that is PF401" in said["PF301"]
    assert "clip_weights" not in after(files, tmp_path)


def test_a_method_on_one_line_is_not_stamped(tmp_path: Path) -> None:
    text = case(WARM)["agent.py"]
    start, end = text.index(FORWARD), text.index("    def _convert_action")
    moved = text[start:end].replace("def forward", "def _forward")
    one_line = FORWARD.rstrip("\n") + " return self._forward(td, state, action)\n\n"
    files = {**case(WARM), "agent.py": text[:start] + one_line + moved + text[end:]}
    assert "forward is written on one line" in reasons(files, tmp_path)["PF101"]

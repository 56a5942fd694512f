"""A state that a policy keeps in its own way moves to the runtime's store, or stays with the reason said."""

# ruff: noqa: E501 - tables of sources read best one case a line

from __future__ import annotations

from pathlib import Path

import pytest
from classic_agents import BASE_CALL, CORE, OWN_STATE, WRAPPER, Files, case

from policyfix import contract, engine
from policyfix.rewrite import rewrite

SIMPLE = (
    (BASE_CALL, BASE_CALL + "        self._state = None\n"),
    (CORE, "        output, self._state = self.lstm(hidden, self._state)\n"),
)
DESCRIBE = "    def describe"
METHODS = """\
    def has_memory(self):
        return True

    def get_memory(self):
        return dict(self._states)

    def set_memory(self, memory):
        self._states = dict(memory)

    def reset_memory(self):
        self._states.clear()

"""
BY_HAND = dict(OWN_STATE)[CORE]


def rewritten(files: Files, folder: Path) -> str:
    for name, text in files.items():
        (folder / name).write_text(text)
    changes = rewrite([folder], contract.load()).changes
    return next((c.after.decode() for c in changes if c.path.endswith("agent.py")), files["agent.py"])


def by_hand(old: str, new: str) -> Files:
    assert old in BY_HAND
    return case(*((a, b.replace(old, new) if a == CORE else b) for a, b in OWN_STATE))


def test_nothing_of_the_old_state_is_left(tmp_path: Path) -> None:
    text = rewritten(case(*OWN_STATE), tmp_path)
    for word in ("self._h", "self._c,", "self._c ", "keep", "dones", "zeros_like"):
        assert word not in text
    assert "output, _ = self.memory.unroll(self.lstm, hidden, td, training=action is not None)\n" in text
    assert "        self.steps += 1\n" in text
    assert '"""Replaces the state of all groups by copies of `pair`."""' in text
    assert text.count("def has_memory") == text.count("def reset_env_memory") == 1
    assert "    def has_memory(self):\n        return True\n" in text


def test_a_state_by_group_that_is_never_reset_moves_too(tmp_path: Path) -> None:
    files = case(
        (BASE_CALL, BASE_CALL + "        self._states = {}\n"),
        (
            CORE,
            '        group = td["training_env_id_start"][0].item()\n'
            "        output, state = self.lstm(hidden, self._states.get(group))\n"
            "        self._states[group] = tuple(s.detach() for s in state)\n",
        ),
    )
    text = rewritten(files, tmp_path)
    assert "group = " not in text
    assert "_states" not in text
    assert ".item()" not in text
    assert "_dynamo" not in text  # the reason for it is gone


def test_what_reads_the_new_state_still_gets_it(tmp_path: Path) -> None:
    core = "        before = self._state\n        output, after = self.lstm(hidden, before)\n"
    kept = '        self._state = after\n        td["norm"] = after[0].norm(dim=-1).sum(0)\n'
    files = case((BASE_CALL, BASE_CALL + "        self._state = None\n"), (CORE, core + kept))
    text = rewritten(files, tmp_path)
    assert "        output, after = self.memory.unroll(" in text
    assert 'td["norm"] = after[0].norm' in text
    assert "_state" not in text
    assert "before" not in text


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (case(*SIMPLE, (DESCRIBE, "    def peek(self):\n        return self._state\n\n    def describe")), "its peek handles self._state too"),
        (case(*SIMPLE, (DESCRIBE, "    def reset_memory(self):\n        self._state = None\n        self.steps = 0\n\n    def describe")), "its reset_memory does more than"),
        (case(*SIMPLE, (DESCRIBE, "    def get_memory(self, copy=True):\n        return self._state\n\n    def describe")), "its get_memory takes other arguments"),
        (case(*SIMPLE, (DESCRIBE, "    def get_memory(self): return self._state\n\n    def describe")), "its get_memory is written on one line"),
        (by_hand("h = h * keep", "h = h * 0.9"), "something else than what it kept"),
        (by_hand("self.steps += 1", "self.steps += int(self._h is None)"), "serves its state and something else"),
        (by_hand("            c = torch.zeros_like(h)\n", "            c = torch.zeros_like(h)\n            self.steps = 0\n"), "serves its state and something else"),
        (by_hand("            self._c = c.detach()\n", "            self._c = c.detach()\n            print(self._c)\n"), "serves its state and something else"),
        (case(*SIMPLE, (CORE.replace("output, _ = self.lstm(hidden)", "output, self._state = self.lstm(hidden, self._state)"), "        for _ in range(1):\n            output, self._state = self.lstm(hidden, self._state)\n")), "one recurrent core just once"),
        (case((BASE_CALL, BASE_CALL + '        self.register_buffer("_h", torch.zeros(1, 3, 32))\n        self.register_buffer("_c", torch.zeros(1, 3, 32))\n'), (CORE, "        output, (self._h, self._c) = self.lstm(hidden, (self._h, self._c))\n")), "in its checkpoints"),
        (case(*SIMPLE, wrapper=WRAPPER.replace("nn.LSTM(", "nn.GRU(").replace("nn.LSTMCell", "nn.GRUCell")), "not a torch.nn.LSTM"),
        (case(*SIMPLE, (BASE_CALL, BASE_CALL + "        self.memory = []\n")), "may have a memory of its own"),
    ],
)  # fmt: skip
def test_a_state_that_is_not_just_kept_stays_where_it_is(files: Files, reason: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = engine.check([tmp_path], contract.load()).findings
    said = [f.unfixed or "" for f in found if f.code in ("PF203", "PF204")]
    assert said
    assert all(reason in each for each in said), said
    assert "StateStore" not in rewritten(files, tmp_path)


def test_a_state_with_slots_and_resets_of_its_own_is_left_to_its_owner(tmp_path: Path) -> None:
    files = case(
        (BASE_CALL, BASE_CALL + "        self._states = {}\n"),
        (
            CORE,
            '        group = td["training_env_id_start"][0].item()\n'
            '        ended = (td["dones"].bool() | td["truncateds"].bool()).view(1, -1, 1)\n'
            "        zeros = torch.zeros(1, B, self.lstm.hidden_size)\n"
            "        h, c = self._states.get(group, (zeros, zeros))\n"
            "        output, state = self.lstm(hidden, (h.masked_fill(ended, 0), c.masked_fill(ended, 0)))\n"
            "        self._states[group] = state\n",
        ),
        (DESCRIBE, METHODS + DESCRIBE),
    )
    text = rewritten(files, tmp_path)
    assert "StateStore" not in text
    assert "        self._states[group] = state\n" in text
    found = engine.check([tmp_path], contract.load()).findings
    said = {f.code: f.unfixed or "" for f in found}["PF201"]
    assert "its state has the slots and the resets that it needs" in said
    assert "the state is kept in an entry of a container" in said

"""Mutation test of the rules: clean policies are broken one clause at a time, and the rule must say so.

    python benchmarks/mutation.py [--rule PF201]

An operator names the rule that it is meant for, the edit (a regular expression and its replacement, in the
files it names), and is applied at every place where it fits: each place is one mutant, checked alone among the
other clean files. A mutant is killed when the intended rule reports it. Rules that do not exist yet are left
out. Prints the share for each rule, the mutants that survive, and clean files that are not silent.
"""

# ruff: noqa: E501 - a table of edits reads best one edit a line

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from policyfix import contract
from policyfix.engine import check
from policyfix.rule import discover

CLEAN = Path(__file__).resolve().parents[1] / "tests" / "data" / "clean"


@dataclass(frozen=True, slots=True)
class Operator:
    """One way to break a clause. `files` are names in the folder of clean policies, all of them if empty."""

    code: str
    what: str
    pattern: str
    replacement: str
    files: tuple[str, ...] = ()

    def mutants(self, text: str) -> Iterator[tuple[int, str]]:
        """(line, mutated text) for each place where the edit fits and changes anything."""
        for match in re.finditer(self.pattern, text, re.MULTILINE | re.DOTALL):
            changed = text[: match.start()] + match.expand(self.replacement) + text[match.end() :]
            if changed != text:
                yield text.count("\n", 0, match.start()) + 1, changed


def op(code: str, what: str, pattern: str, replacement: str = "", files: str = "") -> Operator:
    return Operator(code, what, pattern, replacement, tuple(files.split()))


POLICIES = "base.py cell.py gru.py nested.py services.py store.py"
TRAINERS = "loop.py learner.py phases.py"
METHOD = r"^    def {0}\(.*?(?=^    (?:def|@)|^class |\Z)"  # a method, up to the next one
OPERATORS = (
    # ------------------------------------------------------------------------------- tensordict
    op("PF101", "drop a stamp", r'^ +td\["(?:bptt|batch)"\] = [^\n]*\n'),
    op("PF101", "drop a stamp set by name", r'^ +td\.set\("(?:bptt|batch)", [^\n]*\n'),
    op("PF101", "drop a stamp of an update", r'^ +"(?:bptt|batch)": [^\n]*\n'),
    op("PF101", "drop the call that stamps", r"^ +(?:self\.stamp\(td, batch, steps\)|write_stamps\(td\))\n"),
    op(
        "PF102",
        "stamp before the flattening",
        r"^( +)if td\.batch_dims > 1:\n +td = td\.reshape\(batch \* steps\)\n( +self\.stamp[^\n]*\n)",
        r"\2\1if td.batch_dims > 1:\n\1    td = td.reshape(batch * steps)\n",
        "mixin.py",
    ),
    op(
        "PF102",
        "stamp one row too few",
        r'(td\["(?:bptt|batch)"\] = torch\.full\()\(B \* T,\)',
        r"\1(B,)",
        "wrapper.py",
    ),
    op("PF102", "size by the time axis", r"torch\.full\(\(rows,\)", r"torch.full((steps,)", "gru.py"),
    op("PF103", "leave training flat", r"^            td = td\.reshape\(B, T\)\n", "", "wrapper.py"),
    op(
        "PF103",
        "return training flat",
        r"return td\.reshape\((?:B, T|batch, steps|rows // steps, steps)\)",
        "return td",
    ),
    op("PF104", "drop an output", r'^ +td\["(?:act_log_prob|values|entropy|full_log_probs|value)"\] = [^\n]*\n'),
    op("PF104", "drop an output set by name", r'^ +td\.set\("(?:act_log_prob|entropy|full_log_probs)", [^\n]*\n'),
    op("PF104", "drop an output of an update", r'^ +"(?:act_log_prob|entropy|full_log_probs)": [^\n]*\n'),
    op("PF105", "rollout spelling in training", r'td\["value"\]', 'td["values"]'),
    op("PF105", "training spelling in rollouts", r'td\["values"\]', 'td["value"]'),
    op("PF105", "rollout spelling, by set", r'td\.set\("value",', 'td.set("values",'),
    op("PF105", "training spelling, by update", r'"values": self', '"value": self'),
    op(
        "PF106",
        "overwrite padding in the observation",
        r"^( +)(places = observations)",
        r"\1observations[observations[..., 0] == 255] = 0\n\1\2",
        "nets.py",
    ),
    op(
        "PF106",
        "fill in place",
        r"^( +)tokens = torch\.where\(real[^\n]*\n",
        r"\1tokens = observations.masked_fill_(~real, 0)\n",
        "nets.py",
    ),
    op(
        "PF106",
        "add to the entry",
        r'^( +)(tokens = td\["env_obs"\]\.float)',
        r'\1td["env_obs"] += 1\n\1\2',
        "cell.py",
    ),
    op(
        "PF107",
        "sample in training",
        r"index = self\._convert_action_to_logit_index\([^\n]*\n",
        "index = torch.multinomial(log_probs.exp(), 1).squeeze(-1)\n",
        "wrapper.py gru.py services.py store.py",
    ),
    op(
        "PF107",
        "sample in training from the distribution",
        r"index = self\._convert_action_to_logit_index\(action\.reshape\(B \* T, 2\)\)",
        "index = policy.sample()",
        "cell.py",
    ),
    op(
        "PF108",
        "constant actions",
        r'(td\["actions"\] = )[^\n]*\n',
        r'\1torch.zeros(td["env_obs"].shape[0], 2, dtype=torch.int32)\n',
        "wrapper.py services.py store.py",
    ),
    op(
        "PF108",
        "actions of uniform logits",
        r"index = log_probs\.exp\(\)\.multinomial\(1\)",
        "index = torch.ones_like(log_probs).multinomial(1)",
        "gru.py",
    ),
    # ----------------------------------------------------------------------------------- memory
    op("PF201", "keep the graph", r"(self\.(?:h|c)\[:, (?:slots|groups)\] = (?:h|c))\.detach\(\)", r"\1"),
    op("PF201", "keep the graph of both", r"torch\.stack\(\[h\.detach\(\), c\.detach\(\)\]\)", "torch.stack([h, c])"),
    op("PF201", "keep the graph of a GRU", r"memory\.detach\(\)", "memory", "gru.py"),
    op("PF201", "keep the graph in a helper", r"\(part\.detach\(\) for part in state\)", "state", "services.py"),
    op("PF202", "no has_memory", METHOD.format("has_memory"), "", POLICIES),
    op("PF202", "no get_memory", METHOD.format("get_memory"), "", POLICIES),
    op("PF202", "no set_memory", METHOD.format("set_memory"), "", POLICIES),
    op("PF202", "no reset_memory", METHOD.format("reset_memory"), "", POLICIES),
    op("PF202", "reset that does nothing", METHOD.format("reset_memory"), "    def reset_memory(self):\n        pass\n\n", POLICIES),
    op("PF203", "one slot for all", r"return slots if group is None else slots \+ [^\n]*", "return slots"),
    op("PF203", "no group", r'^ +if "training_env_id_start" in td\.keys\(\):\n[^\n]*\n', "", "gru.py"),
    op("PF203", "no group, in a sum", r"group\[:?[01]\] \+ ", "", "cell.py nested.py"),
    op("PF204", "ignore boundaries", r"\(h \* going, c \* going\)", "(h, c)"),
    op("PF204", "ignore boundaries of a cell", r"^ +h = h\.masked_fill\([^\n]*\n +c = c\.masked_fill\([^\n]*\n"),
    op("PF204", "ignore boundaries of a GRU", r"^ +memory = torch\.where\(ends[^\n]*\n"),
    op("PF204", "one flag of two", r'for key in \("dones", "truncateds"\)', 'for key in ("dones",)'),
    op("PF204", "one flag of two, written out", r'^ +if "truncateds" in td\.keys\(\):\n[^\n]*\n'),
    op("PF204", "one flag of two, in an or", r' \| td\.get\("truncateds", none\)\.bool\(\)'),
    op("PF205", "drop the state", r"^ +self\.(?:remember|store_state)\(td, \w+, [^\n]*\n", "            pass\n"),
    op("PF205", "drop the state of a cell", r"^ +self\.memory\[:, slots\] = [^\n]*\n", "            pass\n"),
    op("PF205", "drop the state of a GRU", r"^ +self\.states\[where\] = [^\n]*\n", "            pass\n"),
    op("PF205", "drop the state of a net", r"^ +self\.h\[:, groups\] = [^\n]*\n[^\n]*\n", "            pass\n", "nested.py"),
    op("PF205", "start from zeros", r"h, c = self\.(?:recall|load_state)\(td, \w+\)", "h, c = torch.zeros(2, 2, features.shape[1], self.lstm.hidden_size)"),
    op("PF206", "default initialisation", r"^        for name, parameter in self\.(?:lstm|gru|core)\.named_parameters\(\):\n(?:            [^\n]*\n)+"),
    op("PF206", "zero biases", r"nn\.init\.constant_\(parameter, 1(?:\.0)?\)", "nn.init.constant_(parameter, 0)"),
    op("PF206", "default initialisation of a cell", r"^ +nn\.init\.ones_\(self\.cell\.bias_ih\)\n"),
    op(
        "PF207",
        "state in a dict, in sight of the compiler",
        r"    @torch\._dynamo\.disable\n(    def forward\(.*?h, c = self\.recall\(td, B\)\n)",
        r"\1        self.seen = {td['batch'][0].item(): h}\n",
        "wrapper.py",
    ),
    op("PF208", "states travel in pickles", METHOD.format("__getstate__")),
    op("PF209", "one layer, whatever is asked for", r"(nn\.LSTM\(input_size, hidden_size), num_layers\)", r"\1)", "store.py"),
    op("PF209", "three layers, whatever is asked for", r"(nn\.LSTM\(input_size, hidden_size), num_layers\)", r"\1, num_layers=3)", "store.py"),
    op(
        "PF210",
        "the base starts the net anew",
        r"^        self\.lstm = nn\.LSTM\(input_size, hidden_size, num_layers\)\n",
        "        for weight in policy.parameters():\n            if weight.ndim > 1:\n                nn.init.orthogonal_(weight, 1.0)\n\\g<0>",
        "base.py",
    ),
    op("PF211", "take the steps for rows", r"\.view\(batch, steps, -1\)\.transpose\(0, 1\)", ".view(1, batch * steps, -1)", "store.py"),
    # ---------------------------------------------------------------------------------- weights
    op("PF301", "no clip_weights", r"(?:^    @torch\.no_grad\(\)\n)?" + METHOD.format("clip_weights"), "", POLICIES),
    op("PF302", "clipping that does nothing", METHOD.format("clip_weights"), "    def clip_weights(self):\n        pass\n\n", POLICIES),
    op("PF302", "a bound of its own", r"clamp_\(-self\.clip_range, self\.clip_range\)", "clamp_(-1, 1)", "wrapper.py cell.py"),
    op("PF302", "a literal range", r"self\.clip_range = clip_range", "self.clip_range = 0"),
    op("PF303", "clamp in the graph", r"^    @torch\.no_grad\(\)\n(?=    def clip_weights)"),
    op(
        "PF303",
        "rebind the parameter",
        r"layer\.weight\.clamp_\(-self\.clip_range, self\.clip_range\)",
        "layer.weight = nn.Parameter(layer.weight.clamp(-self.clip_range, self.clip_range))",
    ),
    op(
        "PF304",
        "clip again, to a fixed range",
        r"^( +)self\.brain\.bound\(self\.clip_range\)\n",
        r"\g<0>\1for weight in self.parameters():\n\1    weight.data.clamp_(-1, 1)\n",
        "nested.py",
    ),
    op(
        "PF304",
        "clip before, to twice the range",
        r"^( +)self\.brain\.bound\(self\.clip_range\)\n",
        r"\1for weight in self.parameters():\n\1    weight.data.clamp_(-2 * self.clip_range, 2 * self.clip_range)\n\g<0>",
        "nested.py",
    ),
    op(
        "PF304",
        "halve the range on its way to the net",
        r"^( +)self\.brain\.bound\(self\.clip_range\)\n",
        r"\1self.brain.bound(0.5 * self.clip_range)\n\1for weight in self.parameters():\n"
        r"\1    weight.data.clamp_(-self.clip_range, self.clip_range)\n",
        "nested.py",
    ),
    op(
        "PF304",
        "a wrapper that clips what clips itself",
        r"^( +)self\.agent\.clip_weights\(\)\n",
        r"\g<0>\1for weight in self.agent.parameters():\n\1    weight.data.clamp_(-1, 1)\n",
        "factory.py",
    ),
    op("PF305", "no gradient", r"parameter\.square\(\)\.sum\(\)", "parameter.data.square().sum()"),
    # ----------------------------------------------------------------------------------- config
    op("PF401", "take no settings", r"clip_range=0\.0, analyze_weights_interval=300, \*\*\w+", "", "cell.py nested.py gru.py store.py"),
    op("PF401", "take no config", r", \*\*config\):(.*?), \*\*config\)", r"):\1)", "wrapper.py migrated.py"),
    op("PF401", "take no config for a mixin", r", \*\*config\):(.*?)\(\*\*config\)", r"):\1()", "mixin.py"),
    op("PF401|PF402|PF406", "drop the config on its way", r"hidden_size, \*\*config\)", "hidden_size)", "wrapper.py"),
    op("PF402", "drop a setting on its way", r"\*\*config\):", "clip_range=0.0, **config):", "wrapper.py migrated.py"),
    op("PF403", "build without the settings", r", \*\*settings\)", ")", "factory.py"),
    op("PF403", "leave one out", r"^ +(?:clip_range|analyze_weights_interval)=(?:self\.)?cfg\.\w+,\n", "", "factory.py"),
    op("PF403", "leave one out of the options", r'^ +options\["\w+"\] = [^\n]*\n', "", "factory.py"),
    op(
        "PF403",
        "build from nothing but the environment",
        r"return cls\(\n +env,\n(?: +\w+=[^\n]*\n)+ +\)",
        "return cls(env)",
        "factory.py",
    ),
    op("PF404", "misspell an option", r"^(    (?:scal|widt|slop|dept|temperatur))[eh]:", r"\1:", "agent.yaml"),
    op("PF404", "an option of another class", r"^    (?:slope|depth|temperature): ", "    scale: ", "agent.yaml"),
    op("PF404", "take an option no longer", r"(?:scale|slope|depth|temperature)=[\d.]+, ", "", "components.py"),
    op(
        "PF405",
        "the sizes of one environment",
        r"env\.obs_width\n(        self\.height = )env\.obs_height\n(?:        self\.features = max[^\n]*\n)?",
        r"11\n\g<1>11\n        self.features = 22\n",
    ),
    op(
        "PF405",
        "the normalisations of one environment",
        r"^        for feature, largest in env\.feature_normalizations\.items\(\):\n[^\n]*\n",
        "        scale = torch.tensor([" + ", ".join(["10.0, 1.0, 3.0, 255.0, 8.0, 100.0"] * 4) + "])\n",
        "nets.py",
    ),
    op("PF406", "swallow unknown keys", r"^        if (?:config|unread):\n            warnings\.warn[^\n]*\n", ""),
    op("PF406", "swallow unknown keys of a helper", r"^        warn_unknown_config\(self, config\)\n", ""),
    op("PF407", "misspell a source", r"name: (?=\w)(\w+?)(_?)(?=\}?\]?$)", r"name: \1s\2", "agent.yaml"),
    op("PF407", "read from a component no longer", r"^      - name: (?:places|kinds)\n", "", "agent.yaml"),
    op("PF407", "read past a component", r"name: critic", "name: _core_", "agent.yaml"),
    op("PF407", "take a component away", r"^  (?:_obs_|places|kinds|_core_|critic):\n.*?\n\n", "", "agent.yaml"),
    op("PF408", "read an option no longer", r"self\._(?:scale|slope|temperature)$|self\._slope(?=\))", "1.0", "components.py"),
    op("PF408", "build another depth than the option's", r"num_layers=depth", "num_layers=2", "components.py"),
    # ---------------------------------------------------------------------------------- network
    op(
        "PF501",
        "overwrite, then test",
        r"^( +)(places = observations\[)",
        r"\1observations = observations.clone()\n\1observations[observations == 255] = 0\n\1\2",
        "nets.py",
    ),
    op("PF502", "no test of the column", r"^        valid = valid & \(columns < self\.width\)\n"),
    op("PF502", "no test of the row", r"^        valid = valid & \(rows < self\.height\)\n"),
    op("PF502", "no test of the attribute", r"^        valid = valid & \(attributes < self\.features\)\n"),
    op("PF503", "without the type", r"return types \+ self\.cum_action_max_params", "return self.cum_action_max_params"),
    op("PF503", "without the type, in a sum", r"return offsets \+ types \+", "return offsets +"),
    op(
        "PF504",
        "mean embedding",
        r"query @ self\.action_embeddings\.weight\.T",
        "query @ self.action_embeddings.weight.mean(dim=0).expand(2, -1).T",
    ),
    op("PF505", "embeddings as torch makes them", r"^        nn\.init\.orthogonal_\(self\.action_embeddings[^\n]*\n        with torch\.no_grad\(\):\n[^\n]*\n"),
    op("PF505", "embeddings not scaled", r"^        with torch\.no_grad\(\):\n            self\.action_embeddings[^\n]*\n"),
    op("PF506", "drop a nonlinearity", r"torch\.relu\((self\.conv\(\w+\))\)", r"\1", "nets.py"),
    op("PF506", "drop a tanh", r"torch\.tanh\((self\.critic_hidden\(hidden\))\)", r"\1", "nets.py"),
    op("PF506", "drop a layer of a sequence", r"^            nn\.ReLU\(\),\n(?=            orthogonal)", "", "nets.py"),
    op(
        "PF507",
        "scale by the batch",
        r"^( +)box = box / self\.scale\n",
        r"\1if box.max() > 1:\n\1    box = box / self.scale\n",
        "nets.py",
    ),
    op(
        "PF508",
        "squash the scores",
        r"query = torch\.tanh\(query @ self\.actor_query\)\n( +)scores = (query[^\n]*)\n",
        r"query = query @ self.actor_query\n\1scores = torch.tanh(\2)\n",
    ),
    op(
        "PF509",
        "normalise in bytes",
        r"^( +)return self\.encoder\(tokens\.flatten\(1\)\.float\(\) / 255\.0\)",
        r"\1tokens = tokens.clone()\n\1tokens[..., 2] = tokens[..., 2] / 255.0\n\1return self.encoder(tokens.flatten(1).float())",
    ),
    op(
        "PF510",
        "as wide as the sum of the dimensions",
        r"sum\(largest \+ 1 for largest in env\.max_action_args\)",
        "sum(env.single_action_space.nvec)",
        "nets.py cell.py",
    ),
    op("PF511", "store where it added", r"\.scatter_add\(1, index, values\)", ".scatter(1, index, values)", "nets.py"),
    op("PF511", "padding over the first cell", r"torch\.where\(valid, index, size\)", "torch.where(valid, index, 0)", "tokens.py"),
    op(
        "PF511",
        "no spare place before the first cell",
        r"index \+ 1, 0\)(.*?)first\[:, 1:\]",
        r"index, 0)\1first[:, :-1]",
        "tokens.py",
    ),
    op("PF512", "count up to the first padding", r"\(places != 255\)\.sum\(dim=1\)", "(places == 255).int().argmax(dim=1)", "tokens.py"),
    op(
        "PF512",
        "count up to the first padding, by names",
        r"\(places == 255\)\.logical_not\(\)\.sum\(dim=1, keepdim=True\)",
        "places.eq(255).long().argmax(1, keepdim=True)",
        "tokens.py",
    ),
    op("PF513", "draw the padding row", r"^        with torch\.no_grad\(\):\n            self\.attributes[^\n]*\n", "", "tokens.py"),
    op("PF513", "draw the padding row, too", r"^        self\.kinds\.weight\.data\[0\] = 0\.0\n", "", "tokens.py"),
    op(
        "PF513",
        "draw after zeroing",
        r"^(        nn\.init\.orthogonal_\(self\.kinds\.weight\)\n)(        self\.kinds[^\n]*\n)",
        r"\2\1",
        "tokens.py",
    ),
    # ---------------------------------------------------------------------------------- trainer
    op("PF601", "no reset", r"^ +(?:self\.)?policy\.reset_memory\(\)\n", "", TRAINERS),
    op("PF601", "no reset at all", r"^ +(?:self\.)?policy\.reset_memory\(\)\n(.*)^ +(?:self\.)?policy\.reset_memory\(\)\n", r"\1", TRAINERS),
    op(
        "PF601",
        "one reset for all minibatches",
        r"^        (for [^\n]*minibatch[^\n]*\n(?:(?! +(?:self\.)?policy\.reset_memory).*?\n)+?) +((?:self\.)?policy\.reset_memory\(\)\n)",
        r"        \2        \1",
        "loop.py learner.py",
    ),
    op("PF602", "clip no weights", r"^ +(?:self\.)?policy\.clip_weights\(\)\n", "", TRAINERS),
    op("PF603", "never zero the gradients", r"^ +(?:self\.)?optimizer\.zero_grad\([^\n]*\n", "", TRAINERS),
    op("PF603", "zero between backward and step", r"^( +optimizer\.zero_grad\([^\n]*\n)( +loss\.backward\(\)\n)", r"\2\1", TRAINERS),
    op("PF603", "zero before the step", r"^( +self\.optimizer\.step\(\)\n)(.*?)( +self\.optimizer\.zero_grad\(\)\n)", r"\3\1\2", "learner.py"),
    op(
        "PF603",
        "zero for every accumulated minibatch",
        r"^( +)(\(loss / self\.accumulate\)\.backward\(\)\n)(.*?) +(self\.optimizer\.zero_grad\(\)\n)",
        r"\1\4\1\2\3",
        "learner.py",
    ),
    op("PF603", "step before backward", r"^( +loss\.backward\(\)\n)(.*?)( +optimizer\.step\(\)\n)", r"\3\1\2", TRAINERS),
    op("PF603", "clip gradients after the step", r"^( +(?:torch\.nn\.utils\.)?clip_grad_norm_\([^\n]*\n)( +(?:self\.)?optimizer\.step\(\)\n)", r"\2\1", TRAINERS),
    op("PF603", "clip gradients before backward", r"^( +loss\.backward\(\)\n)( +(?:torch\.nn\.utils\.)?clip_grad_norm_\([^\n]*\n)", r"\2\1", TRAINERS),
    op("PF603", "clip weights before the step", r"^( +(?:self\.)?optimizer\.step\(\)\n)( +(?:self\.)?policy\.clip_weights\(\)\n)", r"\2\1", TRAINERS),
    op("PF605", "update a copy", r"self\.buffer\.update_at_\(fresh, rows\)", "self.buffer[rows].update_(fresh)", "learner.py"),
    op("PF605", "fill a copy", r'self\.buffer\["values"\]\[rows\] = values', 'self.buffer[rows]["values"].copy_(values)', "learner.py"),
    op("PF605", "write an entry of a copy", r'self\.buffer\["values"\]\[rows\] = values', 'self.buffer[rows]["values"] = values', "learner.py"),
    op("PF606", "cut where episodes end only", r"torch\.maximum\((rollout\[\"dones\"\]), rollout\[\"truncateds\"\]\)", r"\1", "loop.py"),
    op("PF606", "store one flag for both", r"torch\.logical_or\(dones, truncateds\)\.float\(\)", "dones.float()", "learner.py"),
    op("PF606", "add up one flag only", r'torch\.clamp\((rollout\["dones"\]) \+ rollout\["truncateds"\], max=1\.0\)', r"\1", "phases.py"),
    # ------------------------------------------------------------------------------ performance
    op("PF701", "wait for the host", r"slots \+ group(?:\.flatten\(\)\[:1\]|\[0\])", "slots + group[0].item()"),
    op("PF701", "move to the host", r"logits, value = self\.(?:policy|net)\.decode_actions\(hidden\)", r"\g<0>\n        print(float(value.mean()))"),
    op("PF702", "no device", r"torch\.zeros\(observations\.shape\[0\], size, device=observations\.device\)", "torch.zeros(observations.shape[0], size)"),
    op("PF702", "no device for the stamps", r", (?:dtype=torch\.int64, )?device=(?:device|observations\.device|td\[\"env_obs\"\]\.device)(?=[,)])", ""),
    op(
        "PF703",
        "branch on data",
        r"^( +)hidden = torch\.relu\(self\.conv\(box\)\)\n",
        r"\1if box.abs().sum() == 0:\n\1    box = box + 1\n\g<0>",
    ),
    op("PF604", "the spec leaves out what training reads", r"^            env_obs=Unbounded[^\n]*\n", "", "gru.py"),
    op("PF704", "a plain attribute", r'self\.register_buffer\("scale", (scale[^\n]*)\)\n', r"self.scale = \1\n"),
)  # fmt: skip


def codes(root: Path) -> set[str]:
    """What a check of a folder reports."""
    return {finding.code for finding in check([root], contract.load()).findings}


def survives(operator: Operator, root: Path, path: Path, text: str) -> bool:
    """Whether no intended rule reports the folder with one file replaced."""
    before = path.read_bytes()
    path.write_text(text, encoding="utf-8")
    try:
        return not codes(root) & set(operator.code.split("|"))
    finally:
        path.write_bytes(before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rule", default="", help="only operators of this code")
    options = parser.parse_args()
    known = {rule.code for rule in discover()}
    made: Counter[str] = Counter()
    killed: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "clean"
        shutil.copytree(CLEAN, root, ignore=shutil.ignore_patterns("__pycache__"))
        if noise := codes(root):
            print(f"the clean policies are not silent: {', '.join(sorted(noise))}")
        for operator in OPERATORS:
            intended = set(operator.code.split("|"))
            if not intended & known or options.rule not in operator.code:
                continue
            applied = 0
            for path in sorted(p for p in root.iterdir() if p.is_file()):
                if operator.files and path.name not in operator.files:
                    continue
                for line, text in operator.mutants(path.read_text(encoding="utf-8")):
                    applied += 1
                    made[operator.code] += 1
                    if survives(operator, root, path, text):
                        print(f"survives  {operator.code}  {path.name}:{line}  {operator.what}")
                    else:
                        killed[operator.code] += 1
            if not applied:
                print(f"fits nowhere  {operator.code}  {operator.what}")
    print(f"\n{'rule':<14}{'mutants':>8}{'killed':>8}{'share':>8}")
    for code in sorted(made):
        print(f"{code:<14}{made[code]:>8}{killed[code]:>8}{killed[code] / made[code]:>8.0%}")
    total, dead = sum(made.values()), sum(killed.values())
    print(f"{'all':<14}{total:>8}{dead:>8}{dead / total:>8.1%}" if total else "no mutants")
    absent = sorted({code for o in OPERATORS for code in o.code.split("|")} - known)
    if absent:
        print(f"no rule yet: {', '.join(absent)}")


if __name__ == "__main__":
    main()

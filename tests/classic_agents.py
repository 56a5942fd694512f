"""Classic agents in many hands: one forward, written in the ways in which people write it.

`MIGRATED` holds what the migration must recognise, `REFUSED` what it must leave alone and what the refusal
says. A case is a mapping of file names to sources; the class is `Agent` in `agent.py`.
"""

# ruff: noqa: E501 - tables of sources read best one case a line

from __future__ import annotations

Files = dict[str, str]

WRAPPER = """\
from torch import nn


class LSTMWrapper(nn.Module):
    def __init__(self, env, policy, input_size=128, hidden_size=128):
        super().__init__()
        self.obs_shape = env.single_observation_space.shape
        self.policy = policy
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.lstm = nn.LSTM(input_size, hidden_size)
        self.cell = nn.LSTMCell(input_size, hidden_size)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            setattr(self.cell, name, getattr(self.lstm, name + "_l0"))
"""

DEEP_WRAPPER = WRAPPER.replace("hidden_size=128):", "hidden_size=128, num_layers=2):").replace(
    "nn.LSTM(input_size, hidden_size)", "nn.LSTM(input_size, hidden_size, num_layers)"
)

SMALL_WRAPPER = WRAPPER.replace("=128", "=24")

NET = '''\
import torch
from torch import nn


class Net(nn.Module):
    """Token coordinates and values, one linear layer in, two heads out."""

    def __init__(self, env, input_size=128, hidden_size=128):
        super().__init__()
        self.is_continuous = False
        tokens = env.single_observation_space.shape[0]
        self.encoder = nn.Linear(3 * tokens, input_size)
        self.actor = nn.Linear(hidden_size, sum(largest + 1 for largest in env.max_action_args))
        self.critic = nn.Linear(hidden_size, 1)

    def encode_observations(self, observations, state=None):
        flat = observations.reshape(-1, self.encoder.in_features).float() / 255.0
        return torch.relu(self.encoder(flat))

    def decode_actions(self, hidden):
        return self.actor(hidden), self.critic(hidden)
'''

AGENT = """\
import torch
import torch.nn.functional as F
from tensordict import TensorDict

from net import Net
from wrapper import LSTMWrapper


class Agent(LSTMWrapper):
    def __init__(self, env, policy=None, input_size=32, hidden_size=32):
        if policy is None:
            policy = Net(env, input_size=input_size, hidden_size=hidden_size)
        super().__init__(env, policy, input_size, hidden_size)

    def forward(self, td: TensorDict, state=None, action=None):
        observations = td["env_obs"]
        B = observations.shape[0]
        TT = observations.shape[1] if observations.dim() == 4 else 1
        hidden = self.policy.encode_observations(observations, state)
        hidden = hidden.view(B, TT, -1).transpose(0, 1)
        output, _ = self.lstm(hidden)
        hidden = output.transpose(0, 1).reshape(B * TT, -1)
        logits, value = self.policy.decode_actions(hidden)
        log_probs = F.log_softmax(logits, dim=-1)
        if action is None:
            sampled = torch.multinomial(log_probs.exp(), num_samples=1).squeeze(-1)
            rows = torch.arange(sampled.shape[0])
            td["actions"] = self._convert_logit_index_to_action(sampled).to(torch.int32)
            td["act_log_prob"] = log_probs[rows, sampled]
            td["values"] = value.flatten()
            td["full_log_probs"] = log_probs
        else:
            taken = self._convert_action_to_logit_index(action.reshape(B * TT, -1))
            rows = torch.arange(taken.shape[0])
            td["act_log_prob"] = log_probs[rows, taken].view(B, TT)
            td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1).view(B, TT)
            td["value"] = value.view(B, TT)
            td["full_log_probs"] = log_probs.view(B, TT, -1)
        return td

    def _convert_action_to_logit_index(self, action):
        kind = action[:, 0].long()
        argument = action[:, 1].long()
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]

    def describe(self):
        return "stays"
"""


def case(*changes: tuple[str, str], wrapper: str = WRAPPER) -> Files:
    """The classic agent with pieces of its source replaced; every piece must be there."""
    text = AGENT
    for old, new in changes:
        assert old in text, f"not in the classic agent: {old!r}"
        text = text.replace(old, new)
    return {"agent.py": text, "net.py": NET, "wrapper.py": wrapper}


SIGNATURE = "    def __init__(self, env, policy=None, input_size=32, hidden_size=32):\n"
BASE_CALL = "        super().__init__(env, policy, input_size, hidden_size)\n"
CONSTRUCTOR = AGENT[AGENT.index(SIGNATURE) : AGENT.index(BASE_CALL) + len(BASE_CALL) + 1]
CORE = "        output, _ = self.lstm(hidden)\n"
LOG_PROBS = "        log_probs = F.log_softmax(logits, dim=-1)\n"
FORWARD = "    def forward(self, td: TensorDict, state=None, action=None):\n"

MIGRATED: dict[str, Files] = {
    "classic": case(),
    "reshape instead of view": case(("hidden.view(B, TT, -1)", "hidden.reshape(B, TT, -1)")),
    "permute instead of transpose": case(("output.transpose(0, 1)", "output.permute(1, 0, 2)")),
    "gather instead of index": case(
        ("log_probs[rows, sampled]", "log_probs.gather(-1, sampled.unsqueeze(-1)).squeeze(-1)"),
        ("log_probs[rows, taken].view(B, TT)", "torch.gather(log_probs, 1, taken.unsqueeze(-1)).view(B, TT)"),
    ),
    "method log_softmax": case((LOG_PROBS, "        log_probs = logits.log_softmax(dim=-1)\n")),
    "probabilities by softmax": case(("log_probs.exp(), num", "F.softmax(logits, dim=-1), num")),
    "log_softmax in a helper": case(
        (LOG_PROBS, "        log_probs = self._log_probs(logits)\n"),
        ("    def describe", "    def _log_probs(self, logits):\n        return F.log_softmax(logits, -1)\n\n    def describe"),
    ),
    "state from the caller": case(
        (
            CORE,
            "        given = None\n"
            '        if state is not None and state.get("lstm_h") is not None:\n'
            '            given = (state["lstm_h"], state["lstm_c"])\n'
            "        output, (new_h, new_c) = self.lstm(hidden, given)\n",
        )
    ),
    "explicit None": case((CORE, "        output, (h, c) = self.lstm(hidden, None)\n")),
    "docstrings and comments": case(
        ("class Agent(LSTMWrapper):\n", 'class Agent(LSTMWrapper):  # the one\n    """Acts."""\n\n'),
        (FORWARD, "    # what the trainer calls\n" + FORWARD + '        """One step or many."""\n'),
        ("        return td\n", "        return td\n        # nothing else\n"),
    ),
    "decorated forward": case((FORWARD, "    @torch._dynamo.disable()\n" + FORWARD)),
    "forward first": case(
        (CONSTRUCTOR, ""), ("    def describe", CONSTRUCTOR + "    def describe")
    ),
    "constructor with **kwargs": case((SIGNATURE, SIGNATURE.replace("):", ", **config):"))),
    "**kwargs handed on": case(
        (SIGNATURE, SIGNATURE.replace("):", ", **config):")), (BASE_CALL, BASE_CALL.replace(")\n", ", **config)\n").replace("__(,", "__("))
    ),
    "keyword-only parameters": case((SIGNATURE, SIGNATURE.replace("input_size", "*, input_size"))),
    "takes clip_range already": case((SIGNATURE, SIGNATURE.replace("):", ", clip_range=0.5):"))),
    "num_layers of its own meaning": case((SIGNATURE, SIGNATURE.replace("):", ", num_layers=3):"))),
    "signature over lines, with comments": case(
        (
            SIGNATURE,
            "    def __init__(\n        self,\n        env,\n        policy=None,  # a net\n"
            "        input_size=32,\n        hidden_size=32,  # of the LSTM (and (more))\n    ):\n",
        ),
        (
            BASE_CALL,
            "        super().__init__(\n            env,\n            policy,\n            input_size,\n"
            "            hidden_size  # last\n        )\n",
        ),
    ),
    "hanging signature": case(
        (SIGNATURE, SIGNATURE.replace("policy=None, ", "policy=None,\n                 "))
    ),
    "annotated signature": case(
        (SIGNATURE, SIGNATURE.replace("input_size=32", "input_size: int = 32").replace("):", ") -> None:"))
    ),
    "old super": case((BASE_CALL, BASE_CALL.replace("super()", "super(Agent, self)"))),
    "keywords in the base call": case(
        (BASE_CALL, "        super().__init__(env, policy, input_size=input_size, hidden_size=hidden_size)\n")
    ),
    "default sizes of the wrapper": case(
        (SIGNATURE, "    def __init__(self, env, policy=None):\n"),
        ("input_size=input_size, hidden_size=hidden_size", "24, 24"),
        (BASE_CALL, "        super().__init__(env, policy)\n"),
        wrapper=SMALL_WRAPPER,
    ),
    "two layers by the wrapper's default": case(wrapper=DEEP_WRAPPER),
    "three layers by name": case((BASE_CALL, BASE_CALL.replace("hidden_size)", "hidden_size, num_layers=3)")), wrapper=DEEP_WRAPPER),
    "wrapper by its module": case(
        ("from wrapper import LSTMWrapper", "import wrapper"), ("(LSTMWrapper)", "(wrapper.LSTMWrapper)")
    ),
    "pufferlib": case(
        ("from net import Net\nfrom wrapper import LSTMWrapper", "import pufferlib.models\n\nfrom net import Net"),
        ("(LSTMWrapper)", "(pufferlib.models.LSTMWrapper)"),
    ),
    "without the action type": case(("return kind + self", "return self")),
    "stamps of its own": case(
        (
            "        return td\n",
            '        td["bptt"] = torch.full(td.batch_size, TT)\n        td["batch"] = torch.full(td.batch_size, B)\n'
            "        return td\n",
        )
    ),
}  # fmt: skip

# The state in two attributes, with most of what people do to it.
OWN_STATE = (
    (
        BASE_CALL,
        BASE_CALL + "        self._h, self._c = None, None  # no rollout yet\n        self.steps = 0\n",
    ),
    (
        CORE,
        """\
        # what the last step left
        if self._h is None or self._h.shape[1] != B:
            h = torch.zeros(self.lstm.num_layers, B, self.lstm.hidden_size, device=hidden.device)
            c = torch.zeros_like(h)
        else:
            h, c = self._h, self._c
            dones = td.get("dones", None)
            if dones is not None:
                keep = 1.0 - dones.float().view(1, -1, 1)
                h = h * keep
                c = c * keep
        output, (h, c) = self.lstm(hidden, (h, c))
        with torch.no_grad():
            self._h = h.detach()
            self._c = c.detach()
        self.steps += 1
""",
    ),
    (
        "    def describe",
        """\
    def has_memory(self):
        return True

    def get_memory(self):
        \"""The pair (h, c).\"""
        return self._h, self._c

    def set_memory(self, pair):
        self._h, self._c = pair

    @torch.no_grad()
    def reset_memory(self):
        # both
        self._h = None
        self._c = None

    def describe""",
    ),
)

# name -> (files, what the reason for leaving it alone says)
REFUSED: dict[str, tuple[Files, str]] = {
    "temperature": (case((LOG_PROBS, LOG_PROBS.replace("logits,", "logits / 0.7,"))), "in another way"),
    "masked logits": (
        case((LOG_PROBS, '        logits = logits.masked_fill(td["mask"].reshape(B * TT, -1) == 0, -1e9)\n' + LOG_PROBS)),
        "in another way",
    ),
    "greedy actions": (
        case(("torch.multinomial(log_probs.exp(), num_samples=1).squeeze(-1)", "log_probs.argmax(-1)")),
        "in another way",
    ),
    "first log-prob whatever the action": (
        case(("log_probs[rows, taken]", "log_probs[:, 0]")),
        'td["act_log_prob"] is computed in another way',
    ),
    "categorical": (
        case(
            (
                "torch.multinomial(log_probs.exp(), num_samples=1).squeeze(-1)",
                "torch.distributions.Categorical(logits=logits).sample()",
            )
        ),
        "",
    ),
    "further key": (case(("        return td\n", '        td["hidden"] = hidden.view(B, TT, -1)\n        return td\n')), 'td["hidden"]'),
    "dropout before the core": (case((CORE, "        hidden = F.dropout(hidden, 0.1)\n" + CORE)), "changes the features"),
    "part of the features": (
        case((CORE, "        hidden = hidden.narrow(2, 0, 32)\n" + CORE)),
        "changes the features",
    ),
    "residual around the core": (
        case((CORE, CORE + "        output = output + hidden\n")),
        "changes the output of the LSTM",
    ),
    "scaled value": (case(("value.flatten()", "value.flatten() * 10")), 'td["values"] is computed'),
    "normalised observation": (
        case(("encode_observations(observations, state)", "encode_observations(observations / 255, state)")),
        "changes the observation",
    ),
    "own state": (
        case(
            (BASE_CALL, BASE_CALL + "        self._state = None\n"),
            (CORE, "        output, self._state = self.lstm(hidden, self._state)\n"),
            ("    def describe", "    def reset_memory(self):\n        self._state = None\n\n    def describe"),
        ),
        "",
    ),
    "own state, by hand": (case(*OWN_STATE), ""),
    "own state, shown to others": (
        case(
            (BASE_CALL, BASE_CALL + "        self._state = None\n"),
            (CORE, "        output, self._state = self.lstm(hidden, self._state)\n"),
            ('return "stays"', "return self._state"),
        ),
        "",
    ),
    "two cores": (
        case((CORE, CORE + "        output, _ = self.lstm(output)\n")),
        "2 recurrent cores",
    ),
    "gru": (case(wrapper=WRAPPER.replace("nn.LSTM(", "nn.GRU(").replace("nn.LSTMCell", "nn.GRUCell")), "not a torch.nn.LSTM"),
    "bidirectional": (
        case(wrapper=WRAPPER.replace("nn.LSTM(input_size, hidden_size)", "nn.LSTM(input_size, hidden_size, bidirectional=True)")),
        "other options",
    ),
    "wrapper with a normaliser": (
        case(wrapper=WRAPPER + "\n    def normalise(self, x):\n        return x\n"),
        "also defines normalise",
    ),
    "replaces the LSTM": (
        case((BASE_CALL, BASE_CALL + "        self.lstm = torch.nn.LSTM(input_size, hidden_size, 4)\n")),
        "sets self.lstm",
    ),
    "another table": (
        case(("self.cum_action_max_params[kind]", "self.offsets[kind]")),
        "does more than look actions up",
    ),
    "scaled index": (case(("+ argument", "+ 2 * argument")), "does more than look actions up"),
    "further argument of forward": (
        case((FORWARD, FORWARD.replace("action=None", "action=None, mask=None"))),
        "other arguments",
    ),
    "unknown decorator": (case((FORWARD, "    @traced\n" + FORWARD), ("import torch\n", "import torch\nfrom tools import traced\n")), ""),
    "starred base call": (
        case((SIGNATURE, SIGNATURE.replace("):", ", *rest):")), (BASE_CALL, BASE_CALL.replace(")\n", ", *rest)\n").replace("__(,", "__("))),
        "super().__init__",
    ),
    "base call in a branch": (
        case((BASE_CALL, "        if True:\n    " + BASE_CALL)),
        "super().__init__",
    ),
    "kwargs that are no **kwargs": (
        case((SIGNATURE, SIGNATURE.replace("):", ", kwargs=None):"))),
        "called kwargs",
    ),
    "no constructor": (case((CONSTRUCTOR, "")), "no constructor of its own"),
    "depth by position": (
        case((BASE_CALL, BASE_CALL.replace("hidden_size)", "hidden_size, 3)")), wrapper=DEEP_WRAPPER),
        "by position",
    ),
    "another RecurrentPolicy": (
        case(("class Agent", "class RecurrentPolicy:\n    pass\n\n\nclass Agent")),
        "another RecurrentPolicy",
    ),
}  # fmt: skip

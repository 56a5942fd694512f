import torch
from torch import nn
from torchrl.data import Composite, UnboundedDiscrete

from agents.bank import StateBank


class RecurrentBase(nn.Module):
    """Subclasses say how observations become features; memory, heads and outputs are common to all."""

    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.env_shape = tuple(env.single_observation_space.shape)
        self.hidden_size = hidden_size
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.encoder = self.build_encoder(env, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers)
        for layer in range(num_layers):
            for kind in ("ih", "hh"):
                nn.init.orthogonal_(getattr(self.lstm, f"weight_{kind}_l{layer}"))
                nn.init.ones_(getattr(self.lstm, f"bias_{kind}_l{layer}"))
        self.bank = StateBank(num_layers, hidden_size, env.num_agents)
        self.logits = nn.Linear(hidden_size, sum(m + 1 for m in env.max_action_args))
        self.value_head = nn.Linear(hidden_size, 1)
        self.register_initial()

    def build_encoder(self, env, width):
        raise NotImplementedError

    def register_initial(self):
        for name in ("logits", "value_head"):
            self.register_buffer(f"initial_{name}", getattr(self, name).weight.detach().clone(), persistent=False)

    # what the trainer asks of a policy

    def has_memory(self):
        return True

    def get_memory(self):
        return self.bank.snapshot()

    def set_memory(self, memory):
        self.bank.restore(memory)

    def reset_memory(self):
        self.bank.clear()

    def clip_weights(self):
        if not self.clip_range:
            return
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d, nn.LSTM)):
                for weight in module.parameters():
                    weight.data.clamp_(-self.clip_range, self.clip_range)

    def l2_init_loss(self):
        return (self.logits.weight - self.initial_logits).pow(2).sum() + (
            self.value_head.weight - self.initial_value_head
        ).pow(2).sum()

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=self.env_shape, dtype=torch.uint8))

    def _convert_action_to_logit_index(self, action):
        kind, argument = action.long().unbind(-1)
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]

    # the pass itself

    def forward(self, td, state=None, action=None):
        shape = td.batch_size
        if action is not None:
            td = td.reshape(shape.numel())
        B, T = shape[0], shape.numel() // shape[0]
        obs = td["env_obs"]
        for name, number in (("bptt", T), ("batch", B)):
            td[name] = torch.full((B * T,), number, dtype=torch.int64, device=obs.device)

        hidden = self.remember(td, self.encoder(obs).reshape(B, T, -1))
        log_probs = torch.log_softmax(self.logits(hidden), dim=-1)
        value = self.value_head(hidden)
        if action is None:
            self.write_rollout(td, log_probs, value)
            return td
        self.write_training(td, log_probs, value, action)
        return td.reshape(B, T)

    def places(self, td, count, device):
        first = td.get("training_env_id_start", None)
        local = torch.arange(count, device=device)
        return local if first is None else local + first.flatten()[:1]

    def remember(self, td, features):
        B, T, _ = features.shape
        over = torch.zeros(B, T, dtype=torch.bool, device=features.device)
        for key in ("dones", "truncateds"):
            flag = td.get(key, None)
            if flag is not None:
                over |= flag.reshape(B, T) > 0
        places = self.places(td, B, features.device)
        h, c = self.bank.fetch(places, B, features.device)
        steps = []
        for feature, ended in zip(features.unbind(1), over.unbind(1)):
            alive = (~ended).to(h.dtype).view(1, B, 1)
            out, (h, c) = self.lstm(feature[None], (h * alive, c * alive))
            steps.append(out[0])
        self.bank.keep(places, h, c)
        return torch.stack(steps, 1).flatten(0, 1)

    def write_rollout(self, td, log_probs, value):
        index = torch.multinomial(log_probs.exp(), num_samples=1)
        td["actions"] = self._convert_logit_index_to_action(index[:, 0]).int()
        td["act_log_prob"] = torch.take_along_dim(log_probs, index, 1)[:, 0]
        td["values"] = value[:, 0]
        td["full_log_probs"] = log_probs

    def write_training(self, td, log_probs, value, action):
        index = self._convert_action_to_logit_index(action.reshape(-1, 2))
        td["act_log_prob"] = torch.take_along_dim(log_probs, index[:, None], 1)[:, 0]
        td["entropy"] = torch.special.entr(log_probs.exp()).sum(-1)
        td["value"] = value
        td["full_log_probs"] = log_probs

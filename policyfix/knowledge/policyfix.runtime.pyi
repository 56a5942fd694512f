# Facts about the runtime's base class, for the linker. tests/test_knowledge.py holds it against the real one.
import torch.nn as nn

class RecurrentPolicy(nn.Module):
    def __init__(
        self,
        env,
        policy,
        input_size=128,
        hidden_size=128,
        *,
        num_layers=2,
        core=None,
        mode="sound",
        clip_range=0.0,
        clip_strategy="uniform",
        analyze_weights_interval=300,
        memory_slots=16,
        **config,
    ):
        super().__init__()
        warn_unknown_config(self, config)
        self.policy = policy
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval

    def forward(self, td, state=None, action=None):
        # What the base does keeps the contract; the net is the user's own, and is asked about.
        logits, _ = self.policy.decode_actions(self.policy.encode_observations(td["env_obs"]))
        td["full_log_probs"] = logits.log_softmax(-1)
        self._convert_action_to_logit_index(action)

    def trace(self, sink): ...
    def update_normalization_factors(self, features, original_feature_mapping=None): ...
    def has_memory(self): ...
    def get_memory(self): ...
    def set_memory(self, memory): ...
    def reset_memory(self): ...
    def reset_env_memory(self, group_id): ...
    def clip_weights(self): ...
    def l2_init_loss(self): ...
    def update_l2_init_weight_copy(self): ...
    def compute_weight_metrics(self, delta=0.01, epoch=None): ...
    def activate_action_embeddings(self, full_action_names, device): ...
    def _convert_action_to_logit_index(self, flattened_action):
        types = flattened_action[:, 0]
        return types + self.cum_action_max_params[types] + flattened_action[:, 1]
    def _convert_logit_index_to_action(self, action_logit_index): ...

class StateStore(nn.Module):
    def __init__(self, num_layers, hidden_size, memory_slots=16, *, parts=2, mode="sound"):
        super().__init__()
        self.states = hidden_size.states  # of earlier calls

    def unroll(self, lstm, inputs, td, state=None, *, training):
        ended = td.get("dones", False) | td.get("truncateds", False)
        before = self.states[td.get("training_env_id_start", 0)]
        outputs, (h, c) = lstm(inputs, before.masked_fill(ended, 0))
        self.states = (h.detach(), c.detach())
        return outputs, (h, c)

    def recall(self, td, batch_size, erased=None): ...
    def remember(self, td, *state): ...
    def has_memory(self): ...
    def get_memory(self): ...
    def set_memory(self, memory): ...
    def reset_memory(self): ...
    def reset_env_memory(self, group_id): ...

def write_stamps(td):
    td["bptt"] = td.batch_size
    td["batch"] = td.batch_size

def clip_weights(module, clip_range):
    for weight in module.parameters():
        weight.data.clamp_(-clip_range, clip_range)

def warn_unknown_config(policy, config, stacklevel=3):
    print(*config)

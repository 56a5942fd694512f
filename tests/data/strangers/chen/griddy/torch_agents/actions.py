import torch
from tensordict import TensorDict


class ActionMixin:
    """Acting and judging, for policies with one categorical over whole actions."""

    cum_action_max_params: torch.Tensor
    action_index_tensor: torch.Tensor

    def act(self, td: TensorDict, logits: torch.Tensor, value: torch.Tensor) -> TensorDict:
        log_probs = logits.log_softmax(dim=-1)
        index = torch.multinomial(log_probs.exp(), num_samples=1)
        td["actions"] = self._convert_logit_index_to_action(index[:, 0]).to(torch.int32)
        td["act_log_prob"] = log_probs.gather(-1, index)[:, 0]
        td["values"] = value.flatten()
        td["full_log_probs"] = log_probs
        return td

    def judge(self, td: TensorDict, action: torch.Tensor, logits: torch.Tensor, value: torch.Tensor) -> TensorDict:
        log_probs = logits.log_softmax(dim=-1)
        index = self._convert_action_to_logit_index(action.reshape(-1, action.shape[-1])).unsqueeze(-1)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["entropy"] = -torch.sum(log_probs.exp() * log_probs, dim=-1)
        td["value"] = value
        td["full_log_probs"] = log_probs
        return td

    def _convert_action_to_logit_index(self, action: torch.Tensor) -> torch.Tensor:
        types, arguments = action[:, 0].long(), action[:, 1].long()
        return torch.add(types, self.cum_action_max_params[types]) + arguments

    def _convert_logit_index_to_action(self, index: torch.Tensor) -> torch.Tensor:
        return torch.index_select(self.action_index_tensor, 0, index)

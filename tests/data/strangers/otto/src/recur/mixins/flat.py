import torch


class FlatMixin:
    def fold(self, td):
        """[B, T] or [B] -> flat TensorDict with its stamps, B, T."""
        if td.batch_dims == 2:
            b, t = td.batch_size
            td = td.reshape(b * t)
        else:
            b, t = td.batch_size[0], 1
        self.stamp(td, bptt=t, batch=b)
        return td, b, t

    @staticmethod
    def stamp(td, **numbers):
        n, device = td.batch_size.numel(), td["env_obs"].device
        td.update({k: torch.full((n,), v, dtype=torch.long, device=device) for k, v in numbers.items()})

    def rollout(self, td, logits, values):
        dist = torch.distributions.Categorical(logits=logits)
        index = dist.sample()
        td.update(
            {
                "actions": self.action_index_tensor[index].to(torch.int32),
                "act_log_prob": dist.log_prob(index),
                "values": values.flatten(),
                "full_log_probs": dist.logits,
            }
        )
        return td

    def evaluate(self, td, logits, values, action, b, t):
        dist = torch.distributions.Categorical(logits=logits)
        action = action.reshape(b * t, 2).long()
        index = self.cum_action_max_params[action[:, 0]] + action.sum(dim=1)
        td.update(
            {
                "act_log_prob": dist.log_prob(index),
                "entropy": dist.entropy(),
                "value": values,
                "full_log_probs": dist.logits,
            }
        )
        return td.reshape(b, t)

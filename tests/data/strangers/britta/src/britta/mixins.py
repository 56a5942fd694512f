"""Parts that every bird is put together from."""
import torch


class Stamping:
    """Folds a TensorDict flat and says how to unfold it."""

    def fold(self, td, action):
        rows = td.batch_size[0]
        steps = 1 if action is None else td.batch_size[1]
        flat = td if action is None else td.reshape(rows * steps)
        like = torch.ones(rows * steps, dtype=torch.int64, device=flat["env_obs"].device)
        flat["bptt"] = like * steps
        flat["batch"] = like * rows
        return flat, rows, steps


class GroupMemory:
    """State by environment group, as tuples of tensors [layers, rows, width]."""

    def _open_memory(self):
        self._carry = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return dict(self._carry)

    def set_memory(self, memory):
        self._carry = dict(memory)

    def reset_memory(self):
        self._carry = {}

    def __getstate__(self):
        kept = self.__dict__.copy()
        kept["_carry"] = {}
        return kept

    @torch._dynamo.disable
    def _group(self, td):
        start = td.get("training_env_id_start", None)
        return 0 if start is None else int(start[0])

    def _over(self, td):
        flags = [td[name].bool().reshape(-1) for name in ("dones", "truncateds") if name in td.keys()]
        return torch.stack(flags).any(dim=0) if flags else None

    def recall(self, td, blank):
        carry = self._carry.get(self._group(td), blank)
        over = self._over(td)
        if over is None:
            return carry
        return tuple(part.masked_fill(over[None, :, None], 0.0) for part in carry)

    def remember(self, td, carry):
        self._carry[self._group(td)] = tuple(part.detach() for part in carry)


class Bounded:
    """Clips every matrix to what the config says."""

    def clip_weights(self):
        if not self.clip_range:
            return
        with torch.no_grad():
            for weight in self.parameters():
                if weight.ndim > 1:
                    torch.clamp(weight, -self.clip_range, self.clip_range, out=weight)


class JointActions:
    """Between (type, argument) and one index over all actions."""

    def _convert_action_to_logit_index(self, action):
        kind = action[..., 0].long()
        return self.cum_action_max_params[kind] + kind + action[..., 1].long()

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor.index_select(0, index)

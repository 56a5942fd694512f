import torch


class GroupMemory(object):
    """Mixin: one (h, c) for every group of environments, as numbers of the group's first environment."""

    def init_memory(self):
        self._memory = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return {k: (h.clone(), c.clone()) for k, (h, c) in self._memory.items()}

    def set_memory(self, memory):
        self._memory = {k: (h.clone(), c.clone()) for k, (h, c) in memory.items()}

    def reset_memory(self):
        self._memory = {}

    def __getstate__(self):
        d = dict(self.__dict__)
        d["_memory"] = {}
        return d

    @torch._dynamo.disable
    def slot(self, td):
        if "training_env_id_start" not in td.keys():
            return 0
        return int(td["training_env_id_start"].reshape(-1)[0])

    def unroll(self, lstm, x, td, rows, steps):
        """x: [rows, steps, n]. A row starts anew wherever one of its flags is up."""
        alive = torch.ones(rows, steps, device=x.device)
        for key in ("dones", "truncateds"):
            if key in td.keys():
                alive = alive * (1 - td[key].reshape(rows, steps).to(x.dtype))
        slot = self.slot(td)
        if slot in self._memory:
            h, c = self._memory[slot]
        else:
            h = x.new_zeros(lstm.num_layers, rows, lstm.hidden_size)
            c = x.new_zeros(lstm.num_layers, rows, lstm.hidden_size)
        outs = []
        for t in range(steps):
            m = alive[:, t].reshape(1, rows, 1)
            out, (h, c) = lstm(x[:, t:t + 1], (h * m, c * m))
            outs.append(out)
        self._memory[slot] = (h.detach(), c.detach())
        return torch.cat(outs, 1)

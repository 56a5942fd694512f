class Root:
    def has_memory(self):
        return True

    def get_memory(self):
        return {"state": self._state}

    def set_memory(self, memory):
        self._state = memory["state"]

    def reset_memory(self):
        self._state = None

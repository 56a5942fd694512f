class ConvertsActions:
    def _convert_action_to_logit_index(self, flattened_action):  # expect: PF503
        types = flattened_action[:, 0]
        return self.cum_action_max_params[types] + flattened_action[:, 1]

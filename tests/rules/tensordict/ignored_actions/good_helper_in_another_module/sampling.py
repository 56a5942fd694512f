def evaluate_actions(log_probs, index):
    return log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)

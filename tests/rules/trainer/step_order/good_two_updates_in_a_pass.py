from torch.nn.utils import clip_grad_norm_


def update(policy, optimizer, td):
    policy.reset_memory()
    loss = -policy(td, action=td["actions"])["act_log_prob"].mean()
    optimizer.zero_grad()
    loss.backward()
    clip_grad_norm_(policy.parameters(), 0.5)
    optimizer.step()
    policy.clip_weights()


def train(policy, optimizer, stream, old):
    for td in stream:
        update(policy, optimizer, td)
        for past in old.draw(2):
            update(policy, optimizer, past)

from model import Actor


def update(actor: Actor, batches, optimizer):
    norms = []
    for batch in batches:
        norms.append(actor.states[0].norm().item())
        loss = (actor(batch.observed) - batch.target).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return norms

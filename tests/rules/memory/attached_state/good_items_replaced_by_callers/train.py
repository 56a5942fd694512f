from model import Actor


def update(actor: Actor, batches, optimizer):
    for batch in batches:
        for n in range(2):
            actor.states[n] = batch.states[n][:1]  # the graph ends where the batch begins
        loss = (actor(batch.observed) - batch.target).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

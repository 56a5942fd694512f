from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import torch

from birds import FLOCK
from flow.learn import learner, rehearse, replay, upgo_learner
from flow.population import Duel, Population
from flow.reservoir import Reservoir, segment_spec
from flow.returns import Discount, discounted
from flow.stream import score, segments
from flow.world import Marsh, perch


def hatch(options: argparse.Namespace, env: Marsh, device: torch.device):
    bird = FLOCK[options.bird](
        env,
        hidden_size=options.hidden_size,
        clip_range=options.clip_range,
        analyze_weights_interval=options.analyze_weights_interval,
    )
    return perch(bird, env, device)


def load(bird, optimizer, path: Path) -> int:
    if not path.exists():
        return 0
    saved = torch.load(path, map_location="cpu", weights_only=False)
    bird.load_state_dict(saved["bird"])
    optimizer.load_state_dict(saved["optimizer"])
    bird.set_memory(saved["memory"])
    return saved["iteration"]


def single(options: argparse.Namespace, device: torch.device) -> None:
    env = Marsh()
    bird = hatch(options, env, device)
    optimizer = torch.optim.Adam(bird.parameters(), lr=options.lr)
    spec = segment_spec(bird.get_agent_experience_spec())
    reservoir = Reservoir(spec, options.room, options.length)
    how = Discount()
    student = (upgo_learner if options.upgo else learner)(bird, optimizer, how)
    next(student)
    begin = load(bird, optimizer, options.save)
    stream = segments(bird, env, device, options.length, list(spec.keys()))
    for iteration in range(begin, options.iterations):
        played = list(islice(stream, options.per_iteration))
        for segment in played:
            loss = student.send(segment)
            reservoir.remember(segment, discounted(segment, how))
        if options.bird == "finch":
            replay(bird, optimizer, reservoir, how)
        rehearse(bird, optimizer, played, how)
        bird.reset_memory()
        print(f"{iteration:5d} loss {loss:.4f} score {score(bird, Marsh(), device):.3f}")
        state = {"bird": bird.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**state, "memory": bird.get_memory(), "iteration": iteration + 1}, options.save)


def many(options: argparse.Namespace, device: torch.device) -> None:
    env = Marsh()
    population = Population(lambda: hatch(options, env, device), options.population, env, device)
    kept = list(segment_spec(population.members[0].bird.get_agent_experience_spec()).keys())
    for _ in range(options.iterations):
        for member in population.members:
            stream = segments(member.bird, env, device, options.length, kept)
            population.teach(member, islice(stream, options.per_iteration))
        population.rank()
        population.exploit()
    champion, challenger = population.members[0].bird, population.members[-1].bird
    duel = Duel(champion, challenger, env, device)
    duel.study(list(islice(segments(champion, env, device, options.length, kept), 8)))
    print("balance", duel.bout(4))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bird", choices=sorted(FLOCK), default="wren")
    parser.add_argument("--hidden-size", type=int, default=96)
    parser.add_argument("--clip-range", type=float, default=0.0)
    parser.add_argument("--analyze-weights-interval", type=int, default=300)
    parser.add_argument("--population", type=int, default=0)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--per-iteration", type=int, default=4)
    parser.add_argument("--length", type=int, default=16)
    parser.add_argument("--room", type=int, default=48)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--upgo", action="store_true")
    parser.add_argument("--save", type=Path, default=Path("bird.pt"))
    arguments = parser.parse_args()
    where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    (many if arguments.population else single)(arguments, where)

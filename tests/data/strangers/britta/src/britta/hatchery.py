"""Birds from configs."""
from britta import songbirds, waders

BIRDS = {
    cls.__name__.lower(): cls
    for cls in (
        waders.Plover,
        waders.Dunlin,
        waders.Heron,
        waders.Crane,
        waders.Egret,
        waders.Godwit,
        waders.Ibis,
        songbirds.Wren,
        songbirds.Finch,
        songbirds.Snipe,
        songbirds.Curlew,
    )
}


def hatch(env, cfg):
    bird = BIRDS[cfg["bird"]]
    return bird(env, **{key: value for key, value in cfg.items() if key != "bird"})


def rehatch(env, cfg, weights):
    """A second bird of the same kind with given weights, for matches against earlier selves."""
    bird = BIRDS[cfg["bird"]](env, hidden_size=cfg["hidden_size"])
    bird.load_state_dict(weights)
    return bird.eval()

from . import pols


def make(env, cfg):
    kw = dict(cfg)
    return getattr(pols, kw.pop("policy"))(env, **kw)


def pair(env, cfg):
    "big teacher, small student"
    teacher = pols.Puff(env, hidden=cfg["teacher_hidden"])
    student = pols.SetPuff(env, hidden=cfg["hidden"], d=cfg["d"])
    return teacher, student

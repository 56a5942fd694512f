from policies.runner import Runner
from policies.walker import Walker
from policies.jumper import Jumper
from policies.glider import Glider

ALL = {"runner": Runner, "walker": Walker, "jumper": Jumper, "glider": Glider}

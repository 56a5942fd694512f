from models.steady import Calm, Steady
from models.tries import Fresh, Trace

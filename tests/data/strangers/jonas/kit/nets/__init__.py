from kit.nets.tokens import Grid, Scan, Sieve
from kit.nets.core import Core, RawCore
from kit.nets.head import FlatHead, JointHead

from nets.cell_model import CellModel
from nets.conv_core import ConvCore
from nets.set_model import SetModel

MODELS = {cls.__name__: cls for cls in (CellModel, ConvCore, SetModel)}

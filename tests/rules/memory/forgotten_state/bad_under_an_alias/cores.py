from torch.nn import LSTM as Core

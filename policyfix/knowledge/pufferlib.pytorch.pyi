# Facts about PufferLib's torch functions.

def layer_init(layer, std=1.0, bias_const=0.0):
    return layer  # the same layer, re-initialised

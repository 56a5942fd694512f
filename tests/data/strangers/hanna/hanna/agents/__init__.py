from .field import Field
from .graph import GraphField
from .grown import Furrow, Loft, Store, Thresh, Weed, Winnow
from .plow import Fold, Glean, Mow, Plow, Rake, Reap, Sow, Till
from .stubble import Bale, Stook

FIELDS = {
    "plow": Plow,
    "till": Till,
    "sow": Sow,
    "reap": Reap,
    "mow": Mow,
    "rake": Rake,
    "glean": Glean,
    "fold": Fold,
    "bale": Bale,
    "stook": Stook,
    "loft": Loft,
    "thresh": Thresh,
    "winnow": Winnow,
    "store": Store,
    "furrow": Furrow,
    "weed": Weed,
}

from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import Trainer


class UpdateOfACopy(Rule[Trainer]):
    """Rows that an index tensor picks are written to in place: the write reaches a copy and is lost.

    ## What it does
    Reports an in-place write, `update` included, whose target is `x[rows]`, where `x` is a tensor or a
    TensorDict and `rows` a tensor of indices or a mask, and where nothing else ever sees what `x[rows]`
    gave. A slice or a number gives a view, and `x[rows] = ...` writes into `x` itself: both are fine.

    ## Why it matters
    Indexing with a tensor copies. The write raises nothing and changes nothing: a buffer keeps the
    values of the rollout although the update step has refreshed them, and importance ratios stay at 1.

    ## Example
    ```python
    def update(self, rows: torch.Tensor, data: TensorDict) -> None:
        self.buffer[rows].update_(data)
    ```

    ## Use instead
    ```python
    def update(self, rows: torch.Tensor, data: TensorDict) -> None:
        self.buffer.update_at_(data, rows)
    ```

    ## Fix safety
    None is offered: a buffer that starts to change changes what is trained on.

    ## Source
    Metta-AI/metta at 04185f82e9, `Experience.update`: values and ratios were never stored (run,
    divergence R08).
    """

    code = "PF605"
    name = "update-of-a-copy"

    def check(self, trainer: Trainer) -> Iterator[Finding]:
        for write in trainer.lost_writes:
            yield self.finding(
                write.place,
                "an index tensor copies the rows that it picks: this write changes the copy, and nothing "
                "is stored",
                trainer,
            )

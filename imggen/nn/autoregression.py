"""One token after another: what papers share whose image is a sequence of choices.

Each token is drawn from a distribution that those before it decide, so the probability of the whole
is a product, exactly. A draw is a function of a number uniform in [0, 1): the first token whose
cumulative probability exceeds it (inverse transform sampling). So a sample is a function of its
uniforms.

Causal attention never looks ahead, so what earlier tokens gave to later ones stays as it was: keys
and values are kept, and each new token costs a pass of the network with that token alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from imggen.nn.blocks import above_zero, at_least
from imggen.nn.guidance import guided
from imggen.nn.transformer import Attention, Block

EMBEDDING_STD = 0.1
"""Of symbols, labels and places at first: smaller than what blocks add to them."""


def choose(logits: Tensor, u: Tensor, temperature: float = 1.0) -> Tensor:
    """The draw from softmax(logits / temperature) that belongs to u: (N, K), (N,) -> (N,) int64.

    Raises: ValueError for a temperature of 0 or below.
    """
    above_zero(temperature=temperature)
    # In float64 the last sum is nearer to 1 than any u of float32, so u · sum stays below it.
    cumulative = (logits.double() / temperature).softmax(dim=1).cumsum(dim=1)
    threshold = u.double()[:, None] * cumulative[:, -1:]
    return (cumulative <= threshold).sum(dim=1).clamp(max=logits.shape[1] - 1)


def shifted(tokens: Tensor, begin: int) -> Tensor:
    """What each place is given: the token before it, the first one `begin`: (N, L) -> (N, L)."""
    return torch.cat([torch.full_like(tokens[:, :1], begin), tokens[:, :-1]], dim=1)


class Cache:
    """Causal blocks that are given one token at a time, and keep keys and values of all before.

    Called with the next token (N, 1, width) it returns what the blocks, one after the other, make
    of it, as a pass over the whole sequence would: (N, 1, width). For sampling: no gradients.

    Raises: ValueError for blocks that look ahead, or for more than `length` tokens.
    """

    def __init__(self, blocks: Iterable[nn.Module], length: int) -> None:
        self.blocks = list[Block]()
        for block in blocks:
            if not isinstance(block, Block) or not block.attention.causal:
                raise ValueError("a block that sees later tokens can't be given one at a time")
            self.blocks.append(block)
        self.length, self.seen = length, 0
        self.kept: list[tuple[Tensor, Tensor]] = []

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        if self.seen == self.length:
            raise ValueError(f"there is room for {self.length} tokens, and this is one more")
        for number, block in enumerate(self.blocks):
            x = x + self._attended(number, block.attention, block.norm1(x))
            x = x + block.feed_forward(block.norm2(x))
        self.seen += 1
        return x

    def _attended(self, number: int, attention: Attention, x: Tensor) -> Tensor:
        """`Attention.forward` of one token, with the keys and values that were kept."""
        q, k, v = attention.qkv(x).unflatten(2, (3, attention.heads, -1)).transpose(1, 3).unbind(2)
        if number == len(self.kept):  # the first token
            shape = (*k.shape[:2], self.length, k.shape[3])
            self.kept.append((k.new_empty(shape), v.new_empty(shape)))
        keys, values = (kept[:, :, : self.seen + 1] for kept in self.kept[number])
        keys[:, :, -1:], values[:, :, -1:] = k, v
        scores = (q / math.sqrt(q.shape[3])) @ keys.transpose(2, 3)
        h = scores.softmax(dim=3).to(values.dtype) @ values
        return attention.out(h.transpose(1, 2).flatten(2))


class TokenTransformer(nn.Module):
    """Logits (N, L, symbols) of each token, from those before it, (N, L), and labels (N,) or None.

    `given` is `shifted(tokens, begin)`; with a cache it is one token of it (N, 1), the next. Label
    `classes` stands for no label.

    Raises: ValueError for sizes below 1 or a width that the number of heads doesn't divide.
    """

    def __init__(
        self, symbols: int, length: int, width: int, depth: int, heads: int, *, classes: int = 0
    ) -> None:
        super().__init__()
        at_least(1, symbols=symbols, length=length, width=width, depth=depth, heads=heads)
        if width % heads:
            raise ValueError(f"width is {width}, and must be a multiple of {heads} heads")
        self.symbols, self.begin, self.length, self.classes = symbols, symbols, length, classes
        self.token = nn.Embedding(symbols + 1, width)
        self.label = nn.Embedding(classes + 1, width) if classes else None
        self.positions = nn.Parameter(torch.zeros(length, width))
        self.blocks = nn.ModuleList(Block(width, heads, causal=True) for _ in range(depth))
        self.norm, self.last = nn.LayerNorm(width), nn.Linear(width, symbols)
        for table in (self.token, self.label):
            if table is not None:
                nn.init.normal_(table.weight, std=EMBEDDING_STD)
        nn.init.normal_(self.positions, std=EMBEDDING_STD)

    def forward(self, given: Tensor, y: Tensor | None = None, cache: Cache | None = None) -> Tensor:
        at = 0 if cache is None else cache.seen
        h = self.token(given) + self.positions[at : at + given.shape[1]]
        if self.label is not None:
            none = torch.full_like(given[:, 0], self.classes)
            h = h + self.label(none if y is None else y)[:, None]
        if cache is not None:
            h = cache(h)
        else:
            for block in self.blocks:
                h = block(h)
        return self.last(self.norm(h)).float()

    def log_prob(self, tokens: Tensor, y: Tensor | None = None) -> Tensor:
        """log p of each token given those before it, in nats: (N, L) -> (N, L)."""
        log_p = self(shifted(tokens, self.begin), y).log_softmax(dim=2)
        return log_p.gather(2, tokens[:, :, None])[:, :, 0]

    def draw(
        self,
        u: Tensor,
        y: Tensor | None = None,
        *,
        temperature: float = 1.0,
        guidance: float = 1.0,
        first: Tensor | None = None,
    ) -> Tensor:
        """Tokens (N, L) from uniforms (N, L); the `first` ones (N, k) may be given.

        One pass of one token for each, or two with guidance (of logits).

        Raises: ValueError for a temperature of 0 or below, or for guidance without labels.
        """
        cache = Cache(self.blocks, self.length)

        def predict(given: Tensor, _: float, y: Tensor | None) -> Tensor:
            return self(given, y, cache)[:, 0]

        logits = guided(predict, y, self.classes, guidance)
        token = torch.full((len(u),), self.begin, device=u.device)
        known = 0 if first is None else first.shape[1]
        tokens = []
        for at in range(self.length):
            token = choose(logits(token[:, None], 0.0), u[:, at], temperature)
            if first is not None and at < known:
                token = first[:, at]
            tokens.append(token)
        return torch.stack(tokens, dim=1)

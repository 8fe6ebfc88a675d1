"""attention-*: torch.nn.MultiheadAttention with separate queries, keys and values, and with masks."""

import torch
from torch.nn import MultiheadAttention

from cases import chosen
from common import write

BATCH = 3

# padding: the number of absent keys of each example; hidden: "causal", or "rows", where some queries have no key.
CASES = {
    "cross": dict(dim=12, heads=3, queries=5, keys=7),
    "causal": dict(dim=10, heads=2, queries=6, keys=6, same=True, mask="causal"),
    "padding": dict(dim=12, heads=4, queries=4, keys=6, padding=[0, 2, 5]),
    "both": dict(dim=8, heads=2, queries=5, keys=5, same=True, mask="causal", padding=[1, 0, 3]),
    "added": dict(dim=9, heads=3, queries=3, keys=4, mask="added", bias=False),
    "blind": dict(dim=8, heads=1, queries=4, keys=3, mask="rows", padding=[0, 3, 1]),
}


def make(name: str, dim: int, heads: int, queries: int, keys: int, seed: int, same=False, mask=None, padding=None, bias=True) -> None:
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator)
    attention = MultiheadAttention(dim, heads, bias=bias, batch_first=True)
    with torch.no_grad():
        for p in attention.parameters():
            p.copy_(0.3 * draw(*p.shape))
    query = draw(BATCH, queries, dim)
    key, value = (query, query) if same else (draw(BATCH, keys, dim), draw(BATCH, keys, dim))
    tensors = {f"param.{k}": v.detach().clone() for k, v in attention.named_parameters()}
    tensors |= {"query": query, "key": key, "value": value, "seed": draw(BATCH, queries, dim)}
    masks = {}
    if padding is not None:
        absent = torch.arange(keys) >= keys - torch.tensor(padding)[:, None]
        tensors["padding"] = absent.int()
        masks["key_padding_mask"] = absent
    if mask is not None:
        hidden = torch.ones(queries, keys).triu(1) if mask == "causal" else torch.zeros(queries, keys)
        if mask == "rows":
            hidden[1] = 1
            hidden[2, 0] = 1
        if mask == "added":
            hidden[0, 2] = 1
            tensors["added"] = draw(BATCH, heads, queries, keys)
        tensors["hidden"] = hidden.int()
        masks["attn_mask"] = hidden.bool()
        if mask == "added":
            added = tensors["added"].double().masked_fill(hidden.bool(), float("-inf"))
            masks["attn_mask"] = added.reshape(BATCH * heads, queries, keys)
    attention.double()
    leaves = {"query": query} if same else {"query": query, "key": key, "value": value}
    given = {k: v.double().requires_grad_() for k, v in leaves.items()}
    q, k, v = (given.get(each, given["query"]) for each in ("query", "key", "value"))
    # Without the weights torch uses scaled_dot_product_attention, which gives zeros for a query without any key.
    output, _ = attention(q, k, v, need_weights=False, **masks)
    (output * tensors["seed"].double()).sum().backward()
    tensors["output"] = output
    tensors |= {f"grad.{k}": v.grad for k, v in [*given.items(), *attention.named_parameters()]}
    if mask != "rows":
        with torch.no_grad():
            tensors["weights"] = attention(q, k, v, need_weights=True, average_attn_weights=False, **masks)[1]
    write(f"attention-{name}", {"heads": heads, "bias": bias, "same": same, "seed": seed}, tensors)


def generate() -> None:
    for name, args, seed in chosen("attention-", CASES):
        make(name, seed=seed, **args)

"""transformer-*, seq2seq-*: torch.nn.Transformer, the paper's layers around it, its training, and its decoding."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from cases import chosen
from common import nchw, write

BATCH = 3
SMOOTHING = 0.1

# Masks: the number of absent source and target tokens of each example, and the source tokens that are hidden from
# target tokens.
TRANSFORMERS = {
    "post": dict(d_model=12, nhead=3, layers=(2, 2), dim_feedforward=20, source=6, target=5, causal=True),
    "plain": dict(d_model=10, nhead=2, layers=(1, 2), dim_feedforward=17, source=4, target=4, norms=False),
    "pre": dict(d_model=8, nhead=4, layers=(2, 1), dim_feedforward=24, source=5, target=7, norm_first=True, activation="gelu", causal=True, source_padding=[0, 2, 4]),
    "pre-plain": dict(d_model=8, nhead=1, layers=(2, 2), dim_feedforward=9, source=3, target=4, norm_first=True, norms=False, causal=True, layer_norm_eps=1e-3),
    "padded": dict(d_model=12, nhead=2, layers=(2, 2), dim_feedforward=16, source=7, target=6, causal=True, source_padding=[3, 0, 7], target_padding=[0, 2, 1]),
    "no-bias": dict(d_model=9, nhead=3, layers=(1, 1), dim_feedforward=12, source=5, target=3, bias=False, memory_mask=True, source_padding=[1, 2, 0]),
}
COMMON = dict(dim_feedforward=24, batch_first=True, dropout=0.0)
MODELS = {
    "text": dict(d_model=12, nhead=3, layers=(2, 2), source=dict(kind="tokens", vocabulary=13, length=7, shared=True), vocabulary=13, length=8, tied=True),
    "text-apart": dict(d_model=10, nhead=2, layers=(1, 2), source=dict(kind="tokens", vocabulary=9, length=5, shared=False), vocabulary=7, length=6, tied=False, norm_first=True, activation="gelu"),
    "image": dict(d_model=12, nhead=2, layers=(2, 1), source=dict(kind="image", imageSize=[8, 12], patchSize=[8, 2], channels=1), vocabulary=8, length=6, tied=True, norms=False),
    "image-patches": dict(d_model=8, nhead=2, layers=(1, 1), source=dict(kind="image", imageSize=[6, 8], patchSize=[3, 4], channels=3), vocabulary=6, length=5, tied=False, norm_first=True),
}
BEGIN, END = 1, 0
SEARCHES = [dict(beams=1, lengthPenalty=0.6), dict(beams=2, lengthPenalty=0), dict(beams=3, lengthPenalty=0.6), dict(beams=4, lengthPenalty=1.5)]
STEPS, WARMUP, RATE = 20, 12, 0.25


def build(d_model: int, nhead: int, layers: tuple, norms=True, cls=nn.Transformer, **args):
    """norms: whether encoder and decoder end with a norm, as in torch."""
    model = cls(d_model, nhead, *layers, **(COMMON | args))
    if not norms:
        model.encoder.norm = model.decoder.norm = None
    return model


def config_of(model: nn.Transformer) -> dict:
    layer = model.encoder.layers[0]
    return {
        "dim": model.d_model,
        "heads": model.nhead,
        "encoderDepth": len(model.encoder.layers),
        "decoderDepth": len(model.decoder.layers),
        "mlpDim": layer.linear1.out_features,
        "activation": layer.activation.__name__,
        "normFirst": layer.norm_first,
        "finalNorms": model.encoder.norm is not None,
        "bias": layer.linear1.bias is not None,
        "dropout": 0,
        "layerNormEpsilon": layer.norm1.eps,
    }


@torch.no_grad()
def redraw(model: nn.Module, generator: torch.Generator, scale=0.3) -> None:
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        p.copy_(1 + 0.2 * noise if "norm" in name and name.endswith("weight") else scale * noise)


def absent(counts: list[int], tokens: int) -> torch.Tensor:
    return torch.arange(tokens) >= tokens - torch.tensor(counts)[:, None]


def make_transformer(name: str, seed: int, source: int, target: int, causal=False, source_padding=None, target_padding=None, memory_mask=False, **args) -> None:
    generator = torch.Generator().manual_seed(seed)
    model = build(**args)
    redraw(model, generator)
    draw = lambda *shape: torch.randn(*shape, generator=generator)
    src, tgt, seeds = draw(BATCH, source, model.d_model), draw(BATCH, target, model.d_model), draw(BATCH, target, model.d_model)
    tensors = {f"param.{k}": v.detach().clone() for k, v in model.named_parameters()}
    tensors |= {"source": src, "target": tgt, "seed": seeds}
    masks = {}
    if causal:
        masks["tgt_mask"] = torch.ones(target, target).triu(1).bool()
    if source_padding:
        masks["src_key_padding_mask"] = masks["memory_key_padding_mask"] = absent(source_padding, source)
        tensors["sourcePadding"] = masks["src_key_padding_mask"].int()
    if target_padding:
        masks["tgt_key_padding_mask"] = absent(target_padding, target)
        tensors["targetPadding"] = masks["tgt_key_padding_mask"].int()
    if memory_mask:
        masks["memory_mask"] = (torch.arange(target)[:, None] + torch.arange(source)) % 3 == 0
        tensors["memoryMask"] = masks["memory_mask"].int()
    model.double()
    src, tgt = src.double().requires_grad_(), tgt.double().requires_grad_()
    memory = model.encoder(src, src_key_padding_mask=masks.get("src_key_padding_mask"))
    output = model(src, tgt, **masks)
    (output * seeds.double()).sum().backward()
    tensors |= {"memory": memory, "output": output, "grad.source": src.grad, "grad.target": tgt.grad}
    tensors |= {f"grad.{k}": v.grad for k, v in model.named_parameters()}
    write(f"transformer-{name}", {"config": config_of(model), "causal": causal, "seed": seed}, tensors)


def sinusoids(length: int, dim: int) -> torch.Tensor:
    places = torch.arange(length, dtype=torch.float64)[:, None]
    angles = places * torch.exp(torch.arange(0, dim, 2, dtype=torch.float64) * (-math.log(10000.0) / dim))
    table = torch.zeros(length, dim, dtype=torch.float64)
    table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()[:, : dim // 2]
    # The constants of a graph are float32.
    return table.float().double()


class Seq2Seq(nn.Transformer):
    """The paper's layers around torch's model: embeddings times √d, sinusoids, and the matrix before the softmax."""

    def surround(self, source: dict, vocabulary: int, tied: bool):
        self.embedding = nn.Embedding(vocabulary, self.d_model)
        if source["kind"] == "image":
            self.patch_embed = nn.Module()
            self.patch_embed.proj = nn.Conv2d(source["channels"], self.d_model, source["patchSize"], source["patchSize"])
        elif not source["shared"]:
            self.source_embedding = nn.Embedding(source["vocabulary"], self.d_model)
        if not tied:
            self.generator = nn.Linear(self.d_model, vocabulary)
        return self

    def placed(self, x: torch.Tensor) -> torch.Tensor:
        return x + sinusoids(x.shape[1], self.d_model).to(x.dtype)

    def embed_source(self, source: torch.Tensor) -> torch.Tensor:
        if hasattr(self, "patch_embed"):
            return self.placed(self.patch_embed.proj(nchw(source)).flatten(2).transpose(1, 2))
        table = getattr(self, "source_embedding", self.embedding)
        return self.placed(table(source) * math.sqrt(self.d_model))

    def logits(self, source: torch.Tensor, tokens: torch.Tensor, padding: torch.Tensor | None) -> torch.Tensor:
        target = self.placed(self.embedding(tokens) * math.sqrt(self.d_model))
        causal = torch.ones(tokens.shape[1], tokens.shape[1]).triu(1).bool()
        x = self(self.embed_source(source), target, tgt_mask=causal, src_key_padding_mask=padding, memory_key_padding_mask=padding)
        return self.generator(x) if hasattr(self, "generator") else x @ self.embedding.weight.T


def ranked(rows: list) -> list:
    return sorted(rows, key=lambda row: -row["score"])


@torch.no_grad()
def decoded(model: Seq2Seq, source: torch.Tensor, padding: torch.Tensor | None, length: int, beams: int, lengthPenalty: float) -> list[dict]:
    """Decodes one example without a cache. It runs the whole decoder for every hypothesis and token."""

    def penalty(tokens: int) -> float:
        return ((5 + tokens) / 6) ** lengthPenalty

    def finish(tokens, logs, ended):
        return {"tokens": tokens, "ended": ended, "logProbabilities": logs, "score": sum(logs) / penalty(len(logs))}

    def following(tokens):
        own = model.logits(source, torch.tensor([[BEGIN, *tokens]]), padding)[0, -1].log_softmax(0)
        own[BEGIN] = -math.inf
        return own

    if beams == 1:
        tokens, logs = [], []
        while len(logs) < length:
            own = following(tokens)
            token = int(own.argmax())
            logs.append(own[token].item())
            if token == END:
                return [finish(tokens, logs, True)]
            tokens = [*tokens, token]
        return [finish(tokens, logs, False)]
    alive, finished = [([], [])], []
    for position in range(1, length + 1):
        ways = []
        for tokens, logs in alive:
            own = following(tokens)
            ways += [(tokens, [*logs, own[token].item()], token) for token in range(len(own)) if token != BEGIN]
        best = sorted(ways, key=lambda way: -sum(way[1]))[: 2 * beams]
        finished = ranked(finished + [finish(tokens, logs, True) for tokens, logs, token in best if token == END])[:beams]
        alive = [([*tokens, token], logs) for tokens, logs, token in best if token != END][:beams]
        bound = max((sum(logs) for _, logs in alive), default=-math.inf) / penalty(length)
        if not alive or (len(finished) == beams and finished[-1]["score"] >= bound):
            return finished
    return finished or ranked([finish(tokens, logs, False) for tokens, logs in alive])


def smoothed_loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    each = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), label_smoothing=SMOOTHING, reduction="none")
    return (each * weights.flatten()).sum() / weights.sum()


def batch_of(source: dict, vocabulary: int, length: int, generator: torch.Generator, tokens: int) -> dict[str, torch.Tensor]:
    """Texts of different lengths, each followed by `end` tokens. Only the first `end` counts."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)
    if source["kind"] == "image":
        given = draw(BATCH, *source["imageSize"], source["channels"])
    else:
        given = torch.randint(0, source["vocabulary"], (BATCH, source["length"]), generator=generator)
    lengths = [length - 1, 0, length // 2]
    labels = torch.randint(2, vocabulary, (BATCH, length), generator=generator)
    for row, own in enumerate(lengths):
        labels[row, own:] = END
    weights = (torch.arange(length) <= torch.tensor(lengths)[:, None]).float()
    fed = torch.cat([torch.full((BATCH, 1), BEGIN), labels[:, :-1]], 1)
    return {"source": given, "padding": absent([0, tokens // 2, 1], tokens), "tokens": fed, "labels": labels, "weights": weights}


def make_model(name: str, seed: int, source: dict, vocabulary: int, length: int, tied: bool, **args) -> None:
    generator = torch.Generator().manual_seed(seed)
    model = build(cls=Seq2Seq, **args).surround(source, vocabulary, tied)
    redraw(model, generator)
    config = config_of(model) | {"source": source, "vocabulary": vocabulary, "begin": BEGIN, "end": END, "length": length, "tied": tied}
    patches = [a // b for a, b in zip(source.get("imageSize", []), source.get("patchSize", []))]
    batch = batch_of(source, vocabulary, length, generator, math.prod(patches) if patches else source["length"])
    tensors = {f"param.{k}": v.detach().clone() for k, v in model.named_parameters()}
    tensors |= {k: v.int() if v.dtype in (torch.int64, torch.bool) else v for k, v in batch.items()}

    def real(t):
        return t.double() if t.is_floating_point() else t

    model.double()
    given = {k: real(v) for k, v in batch.items()}
    logits = model.logits(given["source"], given["tokens"], given["padding"])
    loss = smoothed_loss(logits, given["labels"], given["weights"])
    loss.backward()
    tensors["logits"] = logits
    tensors |= {f"grad.{k}": v.grad for k, v in model.named_parameters()}

    # The paper's schedule, d^-0.5 · min(step^-0.5, step · warm-up^-1.5), times a factor as in tensor2tensor. At the
    # whole rate such a narrow model would amplify rounding errors.
    optimizer = torch.optim.Adam(model.parameters(), lr=1, betas=(0.9, 0.98), eps=1e-9)
    losses = []
    for step in range(1, STEPS + 1):
        optimizer.param_groups[0]["lr"] = RATE * model.d_model**-0.5 * min(step**-0.5, step * WARMUP**-1.5)
        optimizer.zero_grad()
        step_loss = smoothed_loss(model.logits(given["source"], given["tokens"], given["padding"]), given["labels"], given["weights"])
        step_loss.backward()
        optimizer.step()
        losses.append(step_loss.item())
    searches = []
    for options in SEARCHES:
        rows = [decoded(model, given["source"][i : i + 1], given["padding"][i : i + 1], length, **options) for i in range(BATCH)]
        searches.append(options | {"hypotheses": rows})
    tensors |= {f"trained.{k}": v.detach() for k, v in model.named_parameters()}
    document = {"config": config, "seed": seed, "smoothing": SMOOTHING, "loss": loss.item(), "searches": searches, "warmup": WARMUP, "rate": RATE, "losses": losses}
    write(f"seq2seq-{name}", document, tensors)


def generate() -> None:
    for name, args, seed in chosen("transformer-", TRANSFORMERS):
        make_transformer(name, seed, **args)
    for name, args, seed in chosen("seq2seq-", MODELS):
        make_model(name, seed, **args)

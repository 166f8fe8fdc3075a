#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Trains the detector. Start it again with the same arguments and it goes on where it was.

    train.py --data FOLDER --run FOLDER [--hours 2.5] [--steps 24000] [--threads 2] [--workers 1] [--device auto]

FOLDER of data is what scenes.py and gather.py made. The run's folder gets last.pt (every few minutes), best.pt (by the
mean of the sources' figures), log.jsonl. The same seed gives the same samples in the same order; the learning rate
follows the steps, or the hours where these run out first.
"""
import argparse
import copy
import json
import math
import os
import pathlib
import signal
import time

import numpy as np
import torch

import augment
import evaluate
import loss as objective
import model as network
import store

TRAIN = {"photo-train": 0.5, "scene-train": 0.32, "clip-train": 0.18}
WARM = 400          # steps until the full learning rate
GENTLE = 0.85       # part of the run after which pictures are mostly as in use
KEEP_EVERY = 240    # seconds between checkpoints


class Samples(torch.utils.data.Dataset):
    """Item k is a whole batch, step k of the run."""

    def __init__(self, mix, seed, batch, first, steps, gentle_from):
        self.mix, self.seed, self.batch = mix, seed, batch
        self.first, self.steps, self.gentle_from = first, steps, gentle_from

    def __len__(self):
        return max(self.steps - self.first, 0)

    def __getitem__(self, k):
        step = self.first + k
        size = augment.size_of(self.seed, step)
        gentle = step >= self.gentle_from
        made = [augment.sample(self.mix, self.seed, step * self.batch + i, size, gentle) for i in range(self.batch)]
        pictures = torch.from_numpy(np.stack([m[0] for m in made]))
        people = [m[1][m[1][:, 4] == store.PERSON, :4] for m in made]
        left_out = [m[1][m[1][:, 4] == store.IGNORE, :4] for m in made]
        return step, pictures, *padded(people), *padded(left_out)


def padded(lists):
    """-> [B, most, 4] and whether a row is one."""
    most = max(len(rows) for rows in lists)
    table, there = np.zeros((len(lists), most, 4), np.float32), np.zeros((len(lists), most), bool)
    for i, rows in enumerate(lists):
        table[i, :len(rows)], there[i, :len(rows)] = rows, True
    return torch.from_numpy(table), torch.from_numpy(there)


def rate(done, step):
    """Part of the full learning rate; done: 0..1 of the run."""
    return min(1, (step + 1) / WARM) * (0.02 + 0.98 * (1 + math.cos(math.pi * min(done, 1))) / 2)


def groups(net):
    """Weights decay; what normalises and shifts does not."""
    decay = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": decay, "weight_decay": 0.02}, {"params": rest, "weight_decay": 0.0}]


class Run:
    def __init__(self, arguments):
        self.a = arguments
        self.folder = pathlib.Path(arguments.run)
        self.folder.mkdir(parents=True, exist_ok=True)
        device = arguments.device
        self.device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self.bf16 = self.device == "cuda" if arguments.bf16 is None else arguments.bf16
        torch.manual_seed(arguments.seed)
        self.net = network.People(raw=True).to(self.device, memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(groups(self.net), lr=arguments.rate, betas=(0.9, 0.99))
        self.step, self.spent, self.best = 0, 0.0, -1.0
        self.stopping = False
        last = self.folder / "last.pt"
        if last.exists():
            self.restore(torch.load(last, map_location=self.device, weights_only=True))
        elif arguments.init:
            state = torch.load(arguments.init, map_location=self.device, weights_only=True)
            self.net.load_state_dict(state["ema"])
            self.ema.load_state_dict(state["ema"])

    def restore(self, state):
        for key in ("seed", "batch"):
            if state[key] != getattr(self.a, key):
                raise SystemExit(f"{self.folder}/last.pt was made with --{key} {state[key]}")
        self.net.load_state_dict(state["net"])
        self.ema.load_state_dict(state["ema"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.spent, self.best = state["step"], state["spent"], state["best"]
        print(f"going on at step {self.step}, {self.spent / 3600:.2f} h spent", flush=True)

    def save(self, name):
        state = {"net": self.net.state_dict(), "ema": self.ema.state_dict(), "optimiser": self.optimiser.state_dict(),
                 "step": self.step, "spent": self.spent, "best": self.best, "seed": self.a.seed, "batch": self.a.batch}
        part = self.folder / (name + ".part")
        torch.save(state, part)
        os.replace(part, self.folder / name)

    def log(self, **values):
        with open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"step": self.step, "hours": round(self.spent / 3600, 4), **values}) + "\n")

    def done(self):
        return max(self.step / self.a.steps, self.spent / 3600 / self.a.hours)

    @torch.no_grad()
    def follow(self):
        """The average of the weights, slower the further the run is."""
        keep = min(0.9995, (1 + self.step) / (50 + self.step))
        for mean, now in zip(self.ema.state_dict().values(), self.net.state_dict().values()):
            if mean.dtype.is_floating_point:
                mean.lerp_(now, 1 - keep)
            else:
                mean.copy_(now)

    def learn(self, batch):
        _, pictures, truth, there, left_out, left_there = batch
        move = lambda t: t.to(self.device, non_blocking=True)  # noqa: E731
        x = move(pictures).permute(0, 3, 1, 2).float().div_(255).contiguous(memory_format=torch.channels_last)
        share = rate(self.done(), self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.a.rate * share
        with torch.autocast(self.device, torch.bfloat16, enabled=self.bf16):
            maps = self.net(x)
        total, parts = objective.loss(maps, move(truth), move(there), move(left_out), move(left_there))
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        size = float(torch.nn.utils.clip_grad_norm_(self.net.parameters(), 10.0))
        if math.isfinite(size):
            self.optimiser.step()
        self.step += 1
        self.follow()
        return parts

    def judge(self, every):
        """Figures of the averaged weights; the best are kept."""
        net = copy.deepcopy(self.ema).float().to(memory_format=torch.contiguous_format).fuse().eval()
        net.raw = False

        def predict(blob):
            with torch.no_grad():
                return net(torch.from_numpy(blob).to(self.device)).cpu().numpy()

        results = evaluate.evaluate(predict, self.a.data, (384, 224), every=every)
        marks = [results[name]["AP50"] for name in ("scene-check", "clip-check", "photo-check")
                 if name in results and results[name]["AP50"] is not None]
        mark = float(np.mean(marks)) if marks else 0.0
        print(evaluate.table(results, sources=every == 1), flush=True)
        self.log(results=results, mark=mark)
        if mark > self.best:
            self.best = mark
            self.save("best.pt")

    def go(self):
        a = self.a
        stores = [store.Store(a.data, name) for name in TRAIN if store.exists(a.data, name)]
        if not stores:
            raise SystemExit(f"no stores in {a.data}: run scenes.py and gather.py first")
        mix = augment.Mix(stores, [TRAIN[s.name] for s in stores])
        sizes = ", ".join(f"{s.name} {len(s)}" for s in stores)
        print(f"{network.count(self.net)} parameters on {self.device}; {sizes}; {len(mix.cuttings)} to paste", flush=True)
        samples = Samples(mix, a.seed, a.batch, self.step, a.steps, int(a.steps * GENTLE))
        loader = torch.utils.data.DataLoader(samples, batch_size=None, num_workers=a.workers,
                                             prefetch_factor=8 if a.workers else None,
                                             worker_init_fn=lambda _: torch.set_num_threads(1))
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        self.net.train()
        sums, since = np.zeros(2), self.step
        before = kept = judged = told = time.monotonic()
        for batch in loader:
            parts = self.learn(batch)
            sums += parts
            now = time.monotonic()
            self.spent += now - before
            before = now
            if now - told > a.tell:
                self.tell(sums / (self.step - since), (now - told) / (self.step - since))
                sums, since, told = np.zeros(2), self.step, now
            if now - kept > KEEP_EVERY:
                self.save("last.pt")
                kept = now
            if self.stopping or self.spent >= a.hours * 3600:
                break
            if now - judged > a.judge * 60:
                self.judge(every=a.judge_every)
                judged = before = time.monotonic()  # judging costs no budget
        self.save("last.pt")
        if not self.stopping:
            self.judge(every=a.judge_every)  # the same pictures as before, or the best could not be told
        print(f"{'stopped' if self.stopping else 'done'} at step {self.step}, best {self.best:.3f}", flush=True)

    def tell(self, means, seconds):
        left = min((self.a.steps - self.step) * seconds, self.a.hours * 3600 - self.spent)
        print(f"step {self.step}/{self.a.steps}  score {means[0]:.3f}  box {means[1]:.3f}  "
              f"{seconds * 1000:.0f} ms a step  {self.spent / 3600:.2f} h of {self.a.hours}  "
              f"left {int(left // 3600)}:{int(left % 3600 // 60):02d}", flush=True)
        self.log(score=round(float(means[0]), 4), box=round(float(means[1]), 4), ms=round(seconds * 1000))

    def stop(self, *_):
        self.stopping = True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--hours", type=float, default=2.5, help="budget; what a stopped run spent counts")
    parser.add_argument("--steps", type=int, default=24000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="0: as PyTorch likes")
    parser.add_argument("--workers", type=int, default=0, help="processes that make samples")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction,
                        help="convolutions in bfloat16; as a rule on a GPU alone, where it pays")
    parser.add_argument("--init", help="checkpoint whose weights to begin with")
    parser.add_argument("--tell", type=float, default=30, help="seconds between lines of progress")
    parser.add_argument("--judge", type=float, default=20, help="minutes between evaluations")
    parser.add_argument("--judge-every", type=int, default=4, help="they take every n-th picture")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    Run(arguments).go()


if __name__ == "__main__":
    main()

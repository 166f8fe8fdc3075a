# SPDX-License-Identifier: BSD-2-Clause
"""What the network is taught: which cells answer for whom (task-aligned assignment), and how wrong they are (binary
cross entropy of the score against the overlap reached, complete IoU of the box)."""
import math

import torch
import torch.nn.functional as F

import model as network

ANSWERING = 10      # cells that answer for a person
ALPHA, BETA = 0.5, 4.0
BOX_WEIGHT = 5.0


def corners(maps):
    """Raw maps -> boxes [B, N, 4], scores as logits [B, N], centres [N, 2], strides [N], all float32."""
    boxes, logits, middles, strides = [], [], [], []
    for raw, stride in zip(maps, network.STRIDES):
        raw = raw.float()
        middle = network.centres(raw.shape[2], raw.shape[3], stride, raw.device)[0].flatten(1).T
        edges = (torch.exp(raw[:, :4].clamp(max=network.REACH)) * stride).flatten(2).transpose(1, 2)
        boxes.append(torch.cat([middle - edges[..., :2], middle + edges[..., 2:]], 2))
        logits.append(raw[:, 4].flatten(1))
        middles.append(middle)
        strides.append(torch.full((len(middle),), float(stride), device=raw.device))
    return torch.cat(boxes, 1), torch.cat(logits, 1), torch.cat(middles), torch.cat(strides)


def overlap(a, b):
    """IoU of [..., 4] with [..., 4], broadcast."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    common = (high - low).clamp(min=0).prod(-1)
    size_a, size_b = (a[..., 2:] - a[..., :2]).prod(-1), (b[..., 2:] - b[..., :2]).prod(-1)
    return common / (size_a + size_b - common).clamp(min=1e-6)


def complete_iou(a, b):
    iou = overlap(a, b)
    low, high = torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])
    diagonal = ((high - low) ** 2).sum(-1).clamp(min=1e-6)
    apart = ((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) ** 2).sum(-1) / 4
    wa, ha = (a[..., 2:] - a[..., :2]).clamp(min=1e-3).unbind(-1)
    wb, hb = (b[..., 2:] - b[..., :2]).clamp(min=1e-3).unbind(-1)
    shape = (4 / math.pi ** 2) * (torch.atan(wb / hb) - torch.atan(wa / ha)) ** 2
    with torch.no_grad():
        weight = shape / (1 - iou + shape).clamp(min=1e-6)
    return iou - apart / diagonal - weight * shape


@torch.no_grad()
def assign(boxes, logits, middles, strides, truth, there):
    """truth [B, M, 4], there [B, M] -> who [B, N] (index of the person, -1 nobody) and aim [B, N] of 0..1."""
    count, cells = logits.shape
    if truth.shape[1] == 0:
        return torch.full((count, cells), -1, device=logits.device), torch.zeros_like(logits)
    iou = overlap(boxes[:, None], truth[:, :, None])                             # [B, M, N]
    fit = logits.sigmoid()[:, None].clamp(min=1e-4) ** ALPHA * iou.clamp(min=1e-4) ** BETA
    # Cells in the box, or beside the middle of one that is smaller than a cell.
    from_edge = torch.cat([middles[None, None] - truth[:, :, None, :2], truth[:, :, None, 2:] - middles[None, None]], 3)
    middle = (truth[..., :2] + truth[..., 2:]) / 2
    near = ((middles[None, None] - middle[:, :, None]).abs() < 0.75 * strides[None, None, :, None]).all(3)
    allowed = ((from_edge.amin(3) > 0) | near) & there[:, :, None]
    fit = torch.where(allowed, fit, torch.zeros_like(fit))
    best, index = fit.topk(min(ANSWERING, cells), 2)
    chosen = torch.zeros_like(fit).scatter_(2, index, (best > 0).to(fit.dtype)) > 0
    fit = torch.where(chosen, fit, torch.zeros_like(fit))
    # A cell that several want answers for the one it covers best.
    wanted = torch.where(chosen, iou + 1e-3, torch.zeros_like(iou))
    value, who = wanted.max(1)
    who = torch.where(value > 0, who, torch.full_like(who, -1))
    mine = F.one_hot(who.clamp(min=0), truth.shape[1]).transpose(1, 2).bool() & (who >= 0)[:, None]
    fit, iou = fit * mine, iou * mine
    aim = (fit / fit.amax(2, keepdim=True).clamp(min=1e-9) * iou.amax(2, keepdim=True)).amax(1)
    return who, aim


def covered(middles, left_out, there):
    """Cells [B, N] whose middle is in a place to leave out."""
    if left_out.shape[1] == 0:
        return torch.zeros(left_out.shape[0], len(middles), dtype=torch.bool, device=middles.device)
    from_edge = torch.cat([middles[None, None] - left_out[:, :, None, :2],
                           left_out[:, :, None, 2:] - middles[None, None]], 3)
    return ((from_edge.amin(3) > 0) & there[:, :, None]).any(1)


def loss(maps, truth, there, left_out, left_out_there):
    """-> total, and (score part, box part) for the log."""
    boxes, logits, middles, strides = corners(maps)
    who, aim = assign(boxes.detach(), logits.detach(), middles, strides, truth, there)
    weight = torch.where((who < 0) & covered(middles, left_out, left_out_there), 0.0, 1.0)
    total = aim.sum().clamp(min=1)
    score_part = (F.binary_cross_entropy_with_logits(logits, aim, reduction="none") * weight).sum() / total
    positive = who >= 0
    if positive.any():
        target = torch.gather(truth, 1, who.clamp(min=0)[..., None].expand(-1, -1, 4))[positive]
        box_part = ((1 - complete_iou(boxes[positive], target)) * aim[positive]).sum() / total
    else:
        box_part = boxes.sum() * 0
    return score_part + BOX_WEIGHT * box_part, (float(score_part.detach()), float(box_part.detach()))

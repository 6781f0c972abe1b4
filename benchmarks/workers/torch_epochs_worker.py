"""The paper's §5 and §6 in plain PyTorch, an epoch for each line read: needs torch and numpy.

Arguments: an .npz file of images (uint8 [N, 784]), labels (-1 where there is none), validation_images and
validation_labels; the number of classes or clusters. Written as the paper has it (1511.05644, §5, §6, appendix A): SGD
with momentum, three phases in turn, an epoch being one pass over all images; without labels batch normalisation in the
encoder and on its heads and 20 % dropout on the input. Weights begin as Glorot's: from N(0, 0.01) neither learns here.
"""

import sys

import numpy as np
import torch
from common import serve_epochs
from torch import nn
from torch.nn.functional import cross_entropy, one_hot, softplus

torch.manual_seed(0)
WIDTH, BATCH = 1000, 100
file, classes = np.load(sys.argv[1]), int(sys.argv[2])
images, labels = torch.from_numpy(file["images"]), torch.from_numpy(file["labels"]).long()
validation, truth = torch.from_numpy(file["validation_images"]).float() / 255, file["validation_labels"]
labelled = torch.nonzero(labels >= 0)[:, 0]
with_labels = len(labelled) > 0
latent = 10 if with_labels else 5


def layers(inputs, outputs, normalised=False):
    hidden = []
    for size in (inputs, WIDTH):
        hidden += [nn.Linear(size, WIDTH), *([nn.BatchNorm1d(WIDTH)] if normalised else []), nn.ReLU()]
    return nn.Sequential(*hidden, *([nn.Linear(WIDTH, outputs)] if outputs else []))


def head(outputs):
    return nn.Sequential(nn.Linear(WIDTH, outputs), *([] if with_labels else [nn.BatchNorm1d(outputs)]))


body, head_y, head_z = layers(784, 0, not with_labels), head(classes), head(latent)
decoder = nn.Sequential(layers(classes + latent, 784), nn.Sigmoid())
on_y, on_z = layers(classes, 1), layers(latent, 1)
for module in (body, head_y, head_z, decoder, on_y, on_z):
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
encoder = [*body.parameters(), *head_y.parameters(), *head_z.parameters()]
reconstruction = torch.optim.SGD([*encoder, *decoder.parameters()], 0.01, 0.9)
discriminate = torch.optim.SGD([*on_y.parameters(), *on_z.parameters()], 0.1, 0.1)
generate = torch.optim.SGD(encoder, 0.1, 0.1)
classify = torch.optim.SGD([*body.parameters(), *head_y.parameters()], 0.1, 0.9)


def noisy(x):
    return x + 0.3 * torch.randn_like(x) if with_labels else nn.functional.dropout(x, 0.2)


def encode(x):
    hidden = body(noisy(x))
    return head_y(hidden).softmax(-1), head_z(hidden)


def update(optimizer, loss):
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def step(x):
    update(reconstruction, 0.5 * (decoder(torch.cat(encode(x), -1)) - x).square().sum(1).mean())
    with torch.no_grad():
        y, z = encode(x)
    drawn = one_hot(torch.randint(classes, (len(x),)), classes).float()
    games = [(on_y, drawn, y), (on_z, torch.randn_like(z), z)]
    update(discriminate, sum(0.5 * (softplus(-d(real)) + softplus(d(fake))).mean() for d, real, fake in games))
    y, z = encode(x)
    update(generate, softplus(-on_y(y)).mean() + softplus(-on_z(z)).mean())
    if with_labels:
        rows = labelled[torch.randint(len(labelled), (BATCH,))]
        hidden = body(noisy(images[rows].float() / 255))
        update(classify, cross_entropy(head_y(hidden), labels[rows]))


def train_epoch():
    for module in (body, head_y, head_z):
        module.train()
    order = torch.randperm(len(images))
    for start in range(0, len(order) - BATCH + 1, BATCH):
        step(images[order[start : start + BATCH]].float() / 255)


def error():
    """The share of validation images of another class; a cluster has the label of its surest member, as in §6."""
    for module in (body, head_y, head_z):
        module.eval()
    with torch.no_grad():
        y = head_y(body(validation)).double().softmax(-1).numpy()
    surest = (y @ (1 - np.eye(classes))).argmin(0)  # y itself is 1 of many images
    names = np.arange(classes) if with_labels else truth[surest]
    return float((names[y.argmax(-1)] != truth).mean())


def epochs():
    while True:
        train_epoch()
        yield error()


serve_epochs(epochs())

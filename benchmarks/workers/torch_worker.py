"""The same alternating step in plain PyTorch, written as its users write it: needs torch and numpy.

With `--compile` its losses and its optimizers' updates are compiled (`torch.compile`, which needs a C++ compiler).
"""

import torch
from common import LATENT, PRIOR_STD, WIDTH, arguments, digits, serve
from torch import nn
from torch.nn.functional import softplus

torch.manual_seed(0)
asked = arguments()
DEVICE = torch.device("cuda" if asked.device == "gpu" else "cpu")
HALF = {"mixed_bfloat16": torch.bfloat16}.get(asked.precision)
torch.set_default_device(DEVICE)


def mlp(inputs, outputs):
    return nn.Sequential(
        nn.Linear(inputs, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, outputs)
    )


encoder, decoder, discriminator = mlp(784, LATENT), nn.Sequential(mlp(LATENT, 784), nn.Sigmoid()), mlp(LATENT, 1)
reconstruction = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3)
discriminate = torch.optim.Adam(discriminator.parameters(), 1e-3)
generate = torch.optim.Adam(encoder.parameters(), 1e-3)
images = torch.from_numpy(digits()).reshape(-1, 784).to(DEVICE)


def reconstruction_loss(x):
    return 0.5 * (decoder(encoder(x)) - x).square().sum(1).mean()


def discriminator_loss(x, real):
    with torch.no_grad():
        fake = encoder(x)
    return 0.5 * softplus(-discriminator(real)).mean() + 0.5 * softplus(discriminator(fake)).mean()


def generator_loss(x):
    return softplus(-discriminator(encoder(x))).mean()


updates = [reconstruction.step, discriminate.step, generate.step]
if asked.compile:  # losses with their gradients, and each optimizer's update
    reconstruction_loss, discriminator_loss, generator_loss = map(
        torch.compile, (reconstruction_loss, discriminator_loss, generator_loss)
    )
    updates = [torch.compile(each) for each in updates]


def step():
    rows = torch.randint(len(images), (asked.batch,))
    x = images[rows].float() / 255
    reconstruction.zero_grad(set_to_none=True)
    reconstruction_loss(x).backward()
    updates[0]()

    discriminate.zero_grad(set_to_none=True)
    discriminator_loss(x, torch.randn(asked.batch, LATENT) * PRIOR_STD).backward()
    updates[1]()

    discriminator.requires_grad_(False)
    generate.zero_grad(set_to_none=True)
    generator_loss(x).backward()
    updates[2]()
    discriminator.requires_grad_(True)


def run_steps(count):
    with torch.autocast(DEVICE.type, HALF, enabled=HALF is not None):
        for _ in range(count):
            step()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


serve(run_steps, torch.cuda.max_memory_allocated if DEVICE.type == "cuda" else lambda: 0)

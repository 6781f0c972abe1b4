"""The same alternating step in plain PyTorch, written as its users write it: needs torch and numpy."""

import torch
from common import BATCH, LATENT, PRIOR_STD, WIDTH, digits, serve
from torch import nn
from torch.nn.functional import softplus

torch.manual_seed(0)


def mlp(inputs, outputs):
    return nn.Sequential(
        nn.Linear(inputs, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, outputs)
    )


encoder, decoder, discriminator = mlp(784, LATENT), nn.Sequential(mlp(LATENT, 784), nn.Sigmoid()), mlp(LATENT, 1)
reconstruction = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3)
discriminate = torch.optim.Adam(discriminator.parameters(), 1e-3)
generate = torch.optim.Adam(encoder.parameters(), 1e-3)
images = torch.from_numpy(digits()).reshape(-1, 784)


def step():
    rows = torch.randint(len(images), (BATCH,))
    x = images[rows].float() / 255
    loss = 0.5 * (decoder(encoder(x)) - x).square().sum(1).mean()
    reconstruction.zero_grad(set_to_none=True)
    loss.backward()
    reconstruction.step()

    with torch.no_grad():
        fake = encoder(x)
    real = torch.randn(BATCH, LATENT) * PRIOR_STD
    loss = 0.5 * softplus(-discriminator(real)).mean() + 0.5 * softplus(discriminator(fake)).mean()
    discriminate.zero_grad(set_to_none=True)
    loss.backward()
    discriminate.step()

    discriminator.requires_grad_(False)
    loss = softplus(-discriminator(encoder(x))).mean()
    generate.zero_grad(set_to_none=True)
    loss.backward()
    generate.step()
    discriminator.requires_grad_(True)


def run_steps(count):
    for _ in range(count):
        step()


serve(run_steps)

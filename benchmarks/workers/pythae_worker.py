"""pythae's Adversarial_AE with the same networks and its trainer's own order of updates: needs torch and pythae."""

import torch
from common import BATCH, LATENT, WIDTH, digits, serve
from pythae.models import Adversarial_AE, Adversarial_AE_Config
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseDiscriminator, BaseEncoder
from torch import nn

torch.manual_seed(0)


def mlp(inputs, outputs):
    return nn.Sequential(
        nn.Linear(inputs, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, outputs)
    )


class Encoder(BaseEncoder):
    def __init__(self):
        super().__init__()
        self.net = mlp(784, LATENT)

    def forward(self, x):
        codes = self.net(x.reshape(len(x), -1))
        return ModelOutput(embedding=codes, log_covariance=torch.zeros_like(codes))


class Decoder(BaseDecoder):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(mlp(LATENT, 784), nn.Sigmoid())

    def forward(self, z):
        return ModelOutput(reconstruction=self.net(z).reshape(-1, 1, 28, 28))


class Discriminator(BaseDiscriminator):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(mlp(LATENT, 1), nn.Sigmoid())

    def forward(self, z):
        return ModelOutput(embedding=self.net(z))


config = Adversarial_AE_Config(
    input_dim=(1, 28, 28), latent_dim=LATENT, adversarial_loss_scale=0.5, deterministic_posterior=True
)
model = Adversarial_AE(config, Encoder(), Decoder(), Discriminator())
autoencode = torch.optim.Adam([*model.encoder.parameters(), *model.decoder.parameters()], 1e-3)
discriminate = torch.optim.Adam(model.discriminator.parameters(), 1e-3)
images = torch.from_numpy(digits()).permute(0, 3, 1, 2)


def step():
    rows = torch.randint(len(images), (BATCH,))
    output = model({"data": images[rows].float() / 255})
    autoencode.zero_grad()
    output.autoencoder_loss.backward(retain_graph=True)
    discriminate.zero_grad()
    output.discriminator_loss.backward()
    autoencode.step()
    discriminate.step()


def run_steps(count):
    for _ in range(count):
        step()


serve(run_steps)

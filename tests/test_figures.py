import io

import numpy as np
import pytest
from matplotlib.legend import Legend
from PIL import Image

from aae_tf import figures, priors

rng = np.random.default_rng(0)


def pixels(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=60)
    return np.asarray(Image.open(file).convert("RGB"))


@pytest.mark.parametrize("prior", [priors.Gaussian(2, 5.0), priors.PetalMixture(), priors.SwissRoll()])
@pytest.mark.parametrize("labelled", [True, False])
def test_latent_plane_shows_every_class_over_the_prior(prior, labelled):
    samples = prior.sample(2000, 0).numpy()
    labels = rng.integers(-1, 4, 300) if labelled else None
    density = None if prior.distribution is None else prior.log_prob
    figure = figures.latent_plane(samples[:300], labels, "abcd", samples, density, "title")
    written = {text.get_text() for legend in figure.findobj(Legend) for text in legend.get_texts()}
    if labelled:
        assert set("abcd") <= written
    if density is not None:
        assert "50 %" in written
    assert pixels(figure).std() > 5


def test_tile_puts_images_row_by_row():
    images = np.arange(5)[:, None, None, None] / 10 * np.ones((5, 2, 3, 1))
    grid = figures.tile(images, 2)
    assert grid.shape == (6, 6, 1)
    np.testing.assert_allclose(grid[::2, ::3, 0], [[0, 0.1], [0.2, 0.3], [0.4, 1.0]], atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_grids_draw_grey_and_colour(channels):
    images = rng.random((36, 8, 8, channels)).astype("float32")
    for figure in (
        figures.manifold(images, 6, "grid", keep=rng.random(36) > 0.5),
        figures.samples_with_neighbours(images[:30], images[:3]),
        figures.reconstructions(images[:24], images[:24]),
        figures.grid(images[:20], 5, "grid", rows="abcd", column_names="vwxyz"),
        figures.centroids_and_members(images[:12], np.stack([images[12:18]] * 12)),
        figures.losses([{"epoch": 1, "reconstruction": 2.0, "discriminator": 0.7, "val_error": 1.0, "seconds": 3}]),
    ):
        assert pixels(figure).std() > 5


def legends(figure):
    return {text.get_text() for legend in figure.findobj(Legend) for text in legend.get_texts()}


def test_the_equilibrium_loss_is_drawn_only_where_the_model_has_one():
    history = [{"epoch": 1, "reconstruction": 2.0, "discriminator": 0.7}]
    assert not any("equilibrium" in text for text in legends(figures.losses(history)))
    assert "0.250: discriminator at equilibrium" in legends(figures.losses(history, equilibrium_loss=0.25))


def test_losses_show_what_is_measured_now_and_then_and_by_any_name():
    history = [{"epoch": 1, "seconds": 2, "mmd": 0.5, "val_auroc": 0.9}, {"epoch": 2, "seconds": 2, "mmd": 0.4}]
    figure = figures.losses(history)
    assert {"mmd", "val auroc"} == legends(figure)
    assert {axes.get_ylabel() for axes in figure.axes if axes.get_visible()} == {"loss", "auroc"}


def test_confusion_matrix_states_the_error():
    figure = figures.confusion_matrix(np.array([[8, 2], [1, 9]]), "ab")
    assert "15.00 % wrong" in figure.axes[0].get_title()
    assert {"8", "2", "1", "9"} <= {text.get_text() for text in figure.axes[0].texts}


@pytest.mark.parametrize("dim", [2, 3])
def test_maps_show_heads_in_two_and_three_dimensions(dim):
    latent_points, heads = rng.normal(size=(90, dim)), 4 * rng.normal(size=(3, dim))
    figure = figures.map_with_centroids(latent_points, np.arange(90) % 3, "abc", heads, groups=[[2, 0], [1]])
    assert figure.axes[0].name == ("3d" if dim == 3 else "rectilinear")
    joined, alone = figure.axes[0].lines
    np.testing.assert_array_equal(np.transpose(joined.get_data_3d() if dim == 3 else joined.get_data()), heads[[2, 0]])
    assert len(alone.get_data()[0]) == 1
    assert pixels(figure).std() > 5

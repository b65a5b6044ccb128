"""Cross-encoders: the image part once an image, the text part in batches, the same rewards as pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import tia2
from tia2.errors import RewardError
from tia2.rewards import CrossEncoder
from tia2.rewards.encoder import ImageFeatures


class Attends(CrossEncoder):
    """Mixes image and text so that neither side can be embedded alone; counts its work."""

    def __init__(self):
        self.images = 0
        self.calls = []

    def embed_images(self, prepared):
        self.images += len(prepared)
        return [np.asarray(image, dtype=np.float64).mean((0, 1)) / 255 for image in prepared]

    def score_batch(self, image_features, texts):
        assert len(image_features) in (1, len(texts))
        self.calls.append((len(image_features), [len(text) for text in texts]))
        shared = list(image_features) * len(texts) if len(image_features) == 1 else image_features
        return [
            np.sin(feature @ [len(text), sum(map(ord, text)) % 11, 1])
            for feature, text in zip(shared, texts, strict=True)
        ]


def reference(images, texts):
    model = Attends()
    return np.array([model.score_batch(model.embed_images([image]), [text])[0] for image, text in pairs(images, texts)])


def pairs(images, texts):
    return zip([image.convert("RGB") for image in images], texts, strict=True)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)) for _ in range(5)]


TEXTS = ["a cat", "two cats on a mat", "", "a dog", "three owls", "a cat"]


def test_a_matrix_runs_the_image_part_once_an_image_and_shares_it(images):
    model = Attends()
    found = model.score_matrix(images, TEXTS)
    expected = [reference([image] * len(TEXTS), TEXTS) for image in images]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32
    assert model.images == len(images)
    assert [count for count, _ in model.calls] == [1] * len(images)


def test_texts_are_sorted_by_length_before_they_are_split(images):
    model = Attends()
    model.text_batch_size = 2
    model.score_matrix(images[:1], TEXTS)
    assert [lengths for _, lengths in model.calls] == [[0, 5], [5, 5], [10, 17]]


@pytest.mark.parametrize("chosen", [[0, 1, 2, 3, 4, 0], [0, 0, 0, 0, 0, 0], [0, 0, 1, 2, 1, 3], [4, 3, 2, 1, 0, 4]])
def test_pairs_encode_each_image_once_and_equal_one_by_one(images, chosen):
    model = Attends()
    paired = [images[index] for index in chosen]
    np.testing.assert_allclose(model.score(paired, TEXTS), reference(paired, TEXTS), atol=1e-6)
    assert model.images == len(set(chosen))


def test_many_single_pairs_go_through_in_one_batch(images):
    model = Attends()
    model.score(images, TEXTS[:5])
    assert [count for count, _ in model.calls] == [5]


def test_encoded_images_are_taken_in_place_of_images(images):
    model = Attends()
    features = model.encode_images(images)
    assert isinstance(features, ImageFeatures)
    np.testing.assert_array_equal(model.score_matrix(features, TEXTS), Attends().score_matrix(images, TEXTS))
    np.testing.assert_array_equal(model.score(features[1:], TEXTS[:4]), Attends().score(images[1:], TEXTS[:4]))
    assert model.images == len(images)


def test_lazy_sequences_whose_images_are_made_on_access_are_told_apart(images):
    class Lazy:
        def __len__(self):
            return len(images)

        def __getitem__(self, index):
            if isinstance(index, slice):
                return [image.copy() for image in images[index]]
            return images[index].copy()

    np.testing.assert_allclose(Attends().score(Lazy(), TEXTS[:5]), reference(images, TEXTS[:5]), atol=1e-6)


def test_a_score_table_equals_the_matrix(benchmark_):
    model = Attends()
    table = tia2.score(model, benchmark_, batch_size=3, shard_size=7)
    assert model.images == len(benchmark_)
    for index, texts in enumerate(table.items["texts"]):
        expected = Attends().score_matrix(benchmark_.images([index]), list(texts))[0]
        np.testing.assert_array_equal(table.rewards[index][table.mask[index]], expected)


def test_wrong_contracts_are_named(images):
    class Short(Attends):
        def embed_images(self, prepared):
            return super().embed_images(prepared)[:-1]

    class Wide(Attends):
        def score_batch(self, image_features, texts):
            return np.zeros((len(texts), 2))

    with pytest.raises(RewardError, match="embed_images of reward 'Short' returned 4 features for 5 images"):
        Short().score_matrix(images, TEXTS)
    with pytest.raises(RewardError, match=r"Reward 'Wide' returned shape \(6, 2\); expected \(6,\)"):
        Wide().score_matrix(images, TEXTS)
    with pytest.raises(RewardError, match="5 images and 6 texts"):
        Attends().score(images, TEXTS)
    with pytest.raises(RewardError, match="Expected a PIL image, got ndarray"):
        Attends().score([np.zeros((3, 3, 3))], ["a"])


def test_the_text_policy_refuses_or_counts(images):
    class Limited(Attends):
        text_limit = 4

        def overlong(self, texts):
            return [text for text in dict.fromkeys(texts) if len(text) > 5]

    model = Limited()
    with pytest.warns(UserWarning, match="2 of 5 texts are longer than the 4 tokens of Limited and were cut"):
        model.score_matrix(images[:1], TEXTS)
    model.text_policy = "error"
    with pytest.raises(RewardError, match=r"2 of 5 texts are longer .* the first: 'two cats on a mat'\. Shorten"):
        model.score(images, TEXTS[:5])


def test_nothing_gives_nothing(images):
    assert Attends().score([], []).shape == (0,)
    assert Attends().score_matrix([], TEXTS).shape == (0, 6)
    assert Attends().score_matrix(images, []).shape == (5, 0)

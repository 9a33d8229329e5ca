"""The model learns only from the training labels, and a leak into the features is noticed."""

import numpy as np
from sklearn.metrics import average_precision_score
from support.data.transactions import ENCODER

from model.dataset import make_matrix
from model.split import split
from model.training import leaks, pipeline
from model.training.recipe import Recipe


def test_shuffled_training_labels_teach_nothing(creditcard_rows, last_fifth):
    """Shuffled labels would leave any other leak in place.

    A few trees would not even split.
    """
    train = split(len(creditcard_rows)).train
    labels = creditcard_rows["Class"].to_numpy().copy()
    labels[train] = np.random.default_rng(20130901).permutation(labels[train])
    shuffled = creditcard_rows.assign(Class=labels)
    booster = pipeline.fit_booster(
        shuffled[train], Recipe().with_directions(shuffled, ENCODER), encoder=ENCODER
    )
    margins = booster.inplace_predict(make_matrix(last_fifth, ENCODER), predict_type="margin")
    assert (
        len(np.unique(margins)) > 1
    )  # a score that is the same for all would rank nothing, whatever had leaked
    assert average_precision_score(last_fifth["Class"], margins) < 0.01


def test_a_feature_made_from_the_label_is_caught_on_the_folds(creditcard_rows, model):
    table = creditcard_rows.assign(V5=creditcard_rows["Class"].astype(float))
    assert leaks.find_leak(table, model.manifest).features == ("V5",)


def test_the_model_in_use_shows_no_sign_of_a_leak(creditcard_rows, model):
    assert leaks.find_leak(creditcard_rows, model.manifest) is None
    assert all(0.5 < fold.average_precision <= leaks.SUSPICIOUS for fold in model.manifest.folds)

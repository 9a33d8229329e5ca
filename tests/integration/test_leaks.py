"""The model knows only what the training labels taught it, and a leak into the features would be noticed."""

import numpy as np
from sklearn.metrics import average_precision_score

from model import leaks, training
from model.dataset import matrix
from model.split import split
from model.training import Recipe

FEW = Recipe(trees=5)


def average_precision(table, judged, labels):
    """On the test part, of a few trees that were fitted on the training part with these labels."""
    train = table[split(len(table)).train].assign(Class=labels)
    margins = training.fit(train, FEW).inplace_predict(matrix(judged), predict_type="margin")
    return average_precision_score(judged["Class"], margins)


def test_shuffled_training_labels_teach_nothing(creditcard_rows, last_fifth):
    """Whatever else reached the model from the answers, shuffling would leave it there."""
    labels = creditcard_rows["Class"][split(len(creditcard_rows)).train].to_numpy()
    shuffled = np.random.default_rng(20130901).permutation(labels)
    assert average_precision(creditcard_rows, last_fifth, shuffled) < 0.01
    assert average_precision(creditcard_rows, last_fifth, labels) > 0.6  # as few trees learn much from the true ones


def test_a_feature_made_from_the_label_is_caught_on_the_folds(creditcard_rows, model):
    table = creditcard_rows.assign(V5=creditcard_rows["Class"].astype(float))
    assert leaks.find(table, model.manifest).features == ("V5",)


def test_the_model_in_use_shows_no_sign_of_a_leak(creditcard_rows, model):
    assert leaks.find(creditcard_rows, model.manifest) is None
    assert all(0.5 < fold.average_precision <= leaks.SUSPICIOUS for fold in model.manifest.folds)

"""Writes the numbers that the Rust tests are held to, as scikit-learn 1.9.1 computes them.

    python3 -m pip install scikit-learn==1.9.1
    python3 tests/golden/make.py

    naive_bayes.json   MultinomialNB and ComplementNB on a hand-written matrix of term weights; the predictions are those of
                       the documents, then of the probes
    tfidf.json         TfidfVectorizer over words and pairs of words, on hand-written sentences, divided by length^1.25
    trained.json       both estimators on the TF-IDF of hand-written labelled documents: the whole way from text to weights
    metrics.json       accuracy, F1, log loss, Brier score and calibration error of a hand-written table of predictions

Floats are written in full (the shortest decimal that reads back as the same double), logarithms are natural, matrices are
lists of rows. Nothing is random: the same versions write the same bytes. Other versions of numpy may differ in the last digit.
"""
import json
import pathlib
import sys

import numpy as np
import scipy.sparse
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import (
    accuracy_score, brier_score_loss, confusion_matrix, f1_score, log_loss, precision_recall_fscore_support,
)
from sklearn.naive_bayes import ComplementNB, MultinomialNB

VERSION = "1.9.1"
HERE = pathlib.Path(__file__).resolve().parent

TOPICS = ["business", "sport", "world"]
TERMS = ["bank", "goal", "market", "match", "minister", "treaty"]
# One row a document, one column a term. Weights need not be whole: TF-IDF is not. No topic has seen every term, so that
# smoothing decides something; "minister" is in all topics; the topics differ in size, so that the prior does too.
DOCUMENTS = [
    [2.0, 0.0, 1.5, 0.0, 0.0, 0.0],
    [1.0, 0.0, 3.0, 0.0, 0.25, 0.0],
    [0.0, 2.5, 0.0, 1.0, 0.0, 0.0],
    [0.0, 1.0, 0.0, 2.0, 0.5, 0.0],
    [0.5, 0.0, 0.0, 0.0, 2.0, 1.75],
    [0.0, 0.0, 0.75, 0.0, 1.0, 3.0],
    [0.0, 0.0, 0.0, 0.125, 1.5, 0.0],
]
DOCUMENT_TOPICS = [0, 0, 1, 1, 2, 2, 2]
# Documents that were not trained on: one without a known term, one with one term, one with all of them.
PROBES = [
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    [0.3, 0.6, 0.1, 0.2, 0.7, 0.9],
]

SENTENCES = [
    "The minister signed the treaty",
    "The bank raised the rate and the market fell",
    "Treaty talks stalled: the minister left, the treaty did not",
    "A late goal, a second goal and a third goal won the match",
    "Markets; matches; ministers",
]

# Labelled documents of which a whole model is made. Plain ASCII words, so that every tokeniser parts them alike; repeated
# words, capitals and commas, so that the logarithm of a count, the folding of case and pairs over punctuation matter.
LABELLED = [
    ("The bank raised its rate and the market fell, the bank said", "business"),
    ("Market traders sold bank shares as the rate rose", "business"),
    ("A trade deal lifted shares, traders said", "business"),
    ("The striker scored a late goal, a second goal and a third goal", "sport"),
    ("Late goal wins the match for the home team", "sport"),
    ("The team lost the match but the striker scored", "sport"),
    ("The minister signed the treaty after talks", "world"),
    ("Treaty talks stalled, the minister left, the trade deal did not", "world"),
]
# Not trained on: known words in a new order with two that are unknown; words of two topics; a single word.
PROBES_OF_TEXT = [
    "The minister said the bank rate was part of the talks",
    "goal goal goal market",
    "treaty",
]

METRIC_TOPICS = ["business", "sport", "technology", "world"]
# (the probability of each topic, the number of the true topic). "technology" is true once and never predicted, so its
# precision is 0 / 0, counted as 0. The third row is a tie, which the first topic in order wins. The tops 0.6, 0.8 and 1.0
# lie on the edge of a bin of the calibration error, and belong to the bin below the edge.
PREDICTIONS = [
    ([0.70, 0.10, 0.15, 0.05], 0),
    ([0.60, 0.20, 0.10, 0.10], 0),
    ([0.40, 0.40, 0.10, 0.10], 1),
    ([0.05, 0.85, 0.05, 0.05], 1),
    ([0.02, 0.95, 0.02, 0.01], 1),
    ([0.30, 0.28, 0.22, 0.20], 2),
    ([0.10, 0.05, 0.05, 0.80], 3),
    ([0.00, 0.00, 0.00, 1.00], 3),
    ([0.25, 0.10, 0.20, 0.45], 0),
    ([0.15, 0.15, 0.05, 0.65], 3),
    ([0.55, 0.05, 0.05, 0.35], 3),
    ([0.33, 0.50, 0.12, 0.05], 0),
]
CALIBRATION_BINS = 15


def naive_bayes():
    documents, topics = np.array(DOCUMENTS), np.array(DOCUMENT_TOPICS)
    both = np.vstack([documents, np.array(PROBES)])
    multinomial, complement = [], []
    for alpha in (0.1, 1.0):
        model = MultinomialNB(alpha=alpha).fit(documents, topics)
        multinomial.append({
            "alpha": alpha,
            "class_log_prior": model.class_log_prior_.tolist(),
            "feature_log_prob": model.feature_log_prob_.tolist(),
            "predict_log_proba": model.predict_log_proba(both).tolist(),
        })
        for norm in (False, True):
            model = ComplementNB(alpha=alpha, norm=norm).fit(documents, topics)
            complement.append({
                "alpha": alpha,
                "norm": norm,
                # Already of the sign that is added up: a larger sum speaks for the topic, with norm and without.
                "feature_log_prob": model.feature_log_prob_.tolist(),
                # Of the sums alone: this estimator leaves the prior out as soon as there are two topics.
                "predict_proba": model.predict_proba(both).tolist(),
            })
    return {
        "topics": TOPICS,
        "terms": TERMS,
        "documents": DOCUMENTS,
        "document_topics": DOCUMENT_TOPICS,
        "probes": PROBES,
        # What both estimators start from: a row a topic, the sums of its documents.
        "topic_term_sums": [documents[topics == k].sum(axis=0).tolist() for k in range(len(TOPICS))],
        "topic_document_counts": [int((topics == k).sum()) for k in range(len(TOPICS))],
        "multinomial": multinomial,
        "complement": complement,
    }


def scaled(matrix):
    """Divides each row by its length to the power 1.25; and the lengths."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return scipy.sparse.diags(lengths ** -1.25) @ matrix, lengths


def tfidf():
    settings = {
        "ngram_range": (1, 2), "sublinear_tf": True, "norm": None, "smooth_idf": True, "lowercase": True,
        "token_pattern": r"(?u)\b\w+\b",
    }
    vectorizer = TfidfVectorizer(**settings)
    matrix, _ = scaled(vectorizer.fit_transform(SENTENCES))
    return {
        "settings": settings,
        "documents": SENTENCES,
        # The terms in the order of the columns; a pair is two words with a space between, over punctuation too.
        "vocabulary": vectorizer.get_feature_names_out().tolist(),
        "idf": vectorizer.idf_.tolist(),
        "matrix": matrix.toarray().tolist(),
    }


def trained():
    settings = {
        "ngram_range": (1, 2), "sublinear_tf": True, "norm": None, "smooth_idf": True, "lowercase": True,
        "token_pattern": r"(?u)\b\w+\b",
    }
    vectorizer = TfidfVectorizer(**settings)
    texts, labels = [text for text, _ in LABELLED], [topic for _, topic in LABELLED]
    matrix, lengths = scaled(vectorizer.fit_transform(texts))
    probes, _ = scaled(vectorizer.transform(PROBES_OF_TEXT))
    # A document of typical length (the geometric mean) weighs as if it were scaled to length 1.
    length_factor = float(np.exp(np.log(lengths).mean()) ** 0.25)
    matrix, probes = matrix * length_factor, probes * length_factor
    multinomial = MultinomialNB(alpha=0.03).fit(matrix, labels)
    complement = ComplementNB(alpha=0.1, norm=False).fit(matrix, labels)
    assert multinomial.classes_.tolist() == complement.classes_.tolist() == sorted(set(labels))
    return {
        "settings": settings,
        "documents": [{"body": text, "topic": topic} for text, topic in LABELLED],
        "probes": PROBES_OF_TEXT,
        "topics": multinomial.classes_.tolist(),
        "vocabulary": vectorizer.get_feature_names_out().tolist(),
        "idf": vectorizer.idf_.tolist(),
        "length_factor": length_factor,
        # A row a document of LABELLED, a column a term; multiplied by the factor.
        "matrix": matrix.toarray().tolist(),
        # feature_log_prob has a row a topic and a column a term; joint_log_proba a row a document, the labelled ones and
        # then the probes, and a column a topic.
        "multinomial": {
            "alpha": 0.03,
            "class_log_prior": multinomial.class_log_prior_.tolist(),
            "feature_log_prob": multinomial.feature_log_prob_.tolist(),
            "joint_log_proba": np.vstack([
                multinomial.predict_joint_log_proba(matrix), multinomial.predict_joint_log_proba(probes),
            ]).tolist(),
        },
        # Negated logarithms already, see naive_bayes.json; the sums leave the prior out.
        "complement": {
            "alpha": 0.1,
            "feature_log_prob": complement.feature_log_prob_.tolist(),
            "joint_log_proba": np.vstack([
                complement.predict_joint_log_proba(matrix), complement.predict_joint_log_proba(probes),
            ]).tolist(),
        },
    }


def calibration_error(top, correct, bins):
    """The mean gap between confidence and accuracy over the bins (i / bins, (i + 1) / bins], weighted by their documents."""
    error = 0.0
    for i in range(bins):
        inside = (top > i / bins) & (top <= (i + 1) / bins)
        if inside.any():
            error += inside.mean() * abs(top[inside].mean() - correct[inside].mean())
    return float(error)


def metrics():
    probabilities = np.array([p for p, _ in PREDICTIONS])
    truth = np.array([k for _, k in PREDICTIONS])
    assert np.allclose(probabilities.sum(axis=1), 1.0, rtol=0, atol=1e-12)
    predicted = probabilities.argmax(axis=1)  # the first of equals
    labels = list(range(len(METRIC_TOPICS)))
    precision, recall, f1, support = precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    one_hot = np.eye(len(labels))[truth]
    brier = float(((probabilities - one_hot) ** 2).sum(axis=1).mean())
    assert abs(brier - brier_score_loss(truth, probabilities, labels=labels, scale_by_half=False)) < 1e-15
    return {
        "topics": METRIC_TOPICS,
        "predictions": [{"probabilities": p, "topic": k} for p, k in PREDICTIONS],
        "predicted": predicted.tolist(),
        "accuracy": float(accuracy_score(truth, predicted)),
        "micro_f1": float(f1_score(truth, predicted, labels=labels, average="micro", zero_division=0)),
        "macro_f1": float(f1_score(truth, predicted, labels=labels, average="macro", zero_division=0)),
        "per_topic": [
            {"precision": float(precision[k]), "recall": float(recall[k]), "f1": float(f1[k]), "support": int(support[k])}
            for k in labels
        ],
        # A row a true topic, a column a predicted one.
        "confusion": confusion_matrix(truth, predicted, labels=labels).tolist(),
        "log_loss": float(log_loss(truth, probabilities, labels=labels)),
        # The mean over documents of the sum over topics of (p - y)^2: from 0 to 2.
        "brier_score": brier,
        "calibration_bins": CALIBRATION_BINS,
        "expected_calibration_error": calibration_error(probabilities.max(axis=1), predicted == truth, CALIBRATION_BINS),
    }


def render(value, indent=""):
    """JSON with a line for each flat list, so that a matrix reads as one and a change shows as the rows it touches."""
    if isinstance(value, dict):
        deeper = indent + "  "
        fields = [f"{deeper}{json.dumps(key)}: {render(field, deeper)}" for key, field in value.items()]
        return "{\n" + ",\n".join(fields) + f"\n{indent}}}"
    if isinstance(value, (list, tuple)) and any(isinstance(item, (dict, list, tuple)) for item in value):
        deeper = indent + "  "
        return "[\n" + ",\n".join(deeper + render(item, deeper) for item in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)


def main():
    if sklearn.__version__ != VERSION:
        sys.exit(f"make.py: needs scikit-learn {VERSION}, this is {sklearn.__version__}")
    for name, make in (("naive_bayes", naive_bayes), ("tfidf", tfidf), ("trained", trained), ("metrics", metrics)):
        value = {"made_by": f"tests/golden/make.py with scikit-learn {VERSION}", **make()}
        text = render(value) + "\n"
        assert json.loads(text) == json.loads(json.dumps(value))
        path = HERE / f"{name}.json"
        path.write_text(text, encoding="ascii")
        print(f"wrote {path.name}: {len(text)} bytes")


if __name__ == "__main__":
    main()

"""Drives grpcurl against a running server, with and without reflection, and checks what it prints.

    check_grpcurl.py --grpcurl PROGRAM --proto FOLDER --example FILE HOST:PORT

Prints a line a check and a summary; ends at the first failure, with exit code 1.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

from checks import (
    Failure, Suite, a_field_is_named, equal, error_info_is_ours, evidence_adds_up, require, stands_at, topics_are_sound,
)

CLASSIFICATION = "slugline.v1.ClassificationService"
MODELS = "slugline.v1.ModelService"
SERVER = "slugline.v1.ServerService"
ARTICLES = "slugline.v1.ArticleService"
SIMILARITY = "slugline.v1.SimilarityService"
SERVICES = [
    CLASSIFICATION, MODELS, SERVER, ARTICLES, SIMILARITY, "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
]
INVALID_ARGUMENT, NOT_FOUND = 3, 5
suite = Suite("interop grpcurl")


class Grpcurl:
    def __init__(self, arguments):
        self.program = arguments.grpcurl
        self.address = arguments.address
        self.proto = arguments.proto
        self.example = json.loads(pathlib.Path(arguments.example).read_text(encoding="utf-8"))
        self.article = self.example["article"]

    def run(self, *arguments, flags=(), message=None):
        """Returns the exit code, standard output and standard error."""
        command = [self.program, "-plaintext", "-max-time", "30", *flags]
        if message is not None:
            command += ["-d", "@"]
        done = subprocess.run(
            [*command, self.address, *arguments], input=None if message is None else json.dumps(message),
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL if message is None else None,
        )
        return done.returncode, done.stdout, done.stderr

    def text(self, *arguments, flags=()):
        code, out, err = self.run(*arguments, flags=flags)
        require(code == 0, f"grpcurl {' '.join(arguments)} ended with {code}: {err.strip()}")
        return out

    def call(self, method, message, flags=()):
        code, out, err = self.run(method, flags=["-emit-defaults", *flags], message=message)
        require(code == 0, f"{method} ended with {code}: {err.strip()}")
        return snake_case(json.loads(out))

    def fail(self, method, message, expected):
        """Calls what must fail, and returns the details of the status by the last part of their type."""
        code, out, err = self.run(method, flags=["-emit-defaults", "-format-error"], message=message)
        require(code != 0, f"{method} succeeded, where it should have failed with code {expected}: {out[:400]}")
        try:
            status = snake_case(json.loads(err))
        except ValueError:
            raise Failure(f"{method} ended with {code} and no status: {err.strip()}")
        equal(status["code"], expected, f"code of the status ({status.get('message')!r})")
        # grpcurl ends with 64 + the code.
        equal(code, 64 + expected, "exit code of grpcurl")
        return details_of(status)


def snake_case(value):
    """Field names as in the proto files: JSON names come as the descriptors have them, and some have none."""
    if isinstance(value, dict):
        return {re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), key): snake_case(field) for key, field in value.items()}
    return [snake_case(item) for item in value] if isinstance(value, list) else value


def details_of(status):
    require(status["message"], "the status has no message")
    details = {detail["@type"].rpartition(".")[2]: detail for detail in status.get("details", [])}
    require("ErrorInfo" in details, f"no ErrorInfo in the details: {sorted(details)}")
    error_info_is_ours(details["ErrorInfo"]["reason"], details["ErrorInfo"]["domain"])
    return details


def names_a_field(details, pattern):
    require("BadRequest" in details, f"no BadRequest in the details: {sorted(details)}")
    a_field_is_named([(v["field"], v["description"]) for v in details["BadRequest"]["field_violations"]], pattern)


def names_a_resource(details, name):
    require("ResourceInfo" in details, f"no ResourceInfo in the details: {sorted(details)}")
    require(name in details["ResourceInfo"]["resource_name"], f"ResourceInfo does not name {name!r}: {details['ResourceInfo']}")


def scores(answer):
    # A double is a number, or "NaN" and the like as a string: float() reads both, and the check then fails on it.
    return [(t["name"], float(t["probability"]), float(t["log_odds"])) for t in answer["topics"]]


@suite.check("reflection lists our services, health, and both versions of reflection")
def _(grpcurl):
    listed = grpcurl.text("list").split()
    missing = [service for service in SERVICES if service not in listed]
    require(not missing, f"not listed: {missing}; listed: {listed}")


@suite.check("reflection v1 and v1alpha list the same services")
def _(grpcurl):
    answers = []
    for version in ("v1", "v1alpha"):
        method = f"grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
        services = grpcurl.call(method, {"list_services": ""})["list_services_response"]["service"]
        answers.append(sorted(service["name"] for service in services))
    equal(answers[1], answers[0], "services listed by v1alpha, against v1")


@suite.check("describe shows the service, its messages and its enums")
def _(grpcurl):
    service = grpcurl.text("describe", CLASSIFICATION)
    for line in (
        r"rpc Classify \( \.slugline\.v1\.ClassifyRequest \) returns \( \.slugline\.v1\.ClassifyResponse \)",
        r"rpc BatchClassify \( \.slugline\.v1\.BatchClassifyRequest \) returns \( \.slugline\.v1\.BatchClassifyResponse \)",
        r"rpc StreamClassify \( stream \.slugline\.v1\.StreamClassifyRequest \) returns \( stream \.slugline\.v1\.StreamClassifyResponse \)",
    ):
        require(re.search(line, service), f"{line!r} not in: {service}")
    message = grpcurl.text("describe", "slugline.v1.ClassifyRequest")
    marked = r"double min_probability = 4 \[\(\.google\.api\.field_behavior\) = OPTIONAL\];"
    require(re.search(marked, message), f"no min_probability, or none that is OPTIONAL, in: {message}")
    require("option idempotency_level = NO_SIDE_EFFECTS;" in service, f"no method without side effects in: {service}")
    # Types of other files: they resolve only if the server knows the imports too.
    require("google.rpc.Status error = 2 " in grpcurl.text("describe", "slugline.v1.BatchClassifyResult"), "no google.rpc.Status")
    grpcurl.text("describe", "google.rpc.Status")
    grpcurl.text("describe", "google.protobuf.Timestamp")
    require("DECISION_UNKNOWN_TEXT = 3;" in grpcurl.text("describe", "slugline.v1.Decision"), "no DECISION_UNKNOWN_TEXT")


@suite.check("every method of our services can be described")
def _(grpcurl):
    for service in (CLASSIFICATION, MODELS, SERVER, ARTICLES, SIMILARITY):
        for method in grpcurl.text("list", service).split():
            grpcurl.text("describe", method)


@suite.check("health: SERVING as a whole and for each service")
def _(grpcurl):
    for service in ("", CLASSIFICATION, MODELS, SERVER, ARTICLES, SIMILARITY):
        answer = grpcurl.call("grpc.health.v1.Health/Check", {"service": service})
        equal(answer["status"], "SERVING", f"health of {service!r}")


@suite.check("GetServerInfo: no limit is 0")
def _(grpcurl):
    info = grpcurl.call(f"{SERVER}/GetServerInfo", {})
    for name in (
        "max_article_bytes", "max_message_bytes", "max_batch_articles", "max_concurrent_batches", "max_concurrent_classify_streams",
        "max_evidence_terms", "max_evidence_spans", "max_request_id_bytes", "max_article_id_bytes", "max_article_labels",
        "max_concurrent_imports", "max_concurrent_searches",
    ):
        # 64-bit integers are strings in JSON.
        require(int(info["limits"][name]) > 0, f"{name} is {info['limits'][name]}")
    require(re.fullmatch(r"\d+\.\d+\.\d+\S*", info["version"]), f"version is {info['version']!r}")
    require(re.fullmatch(r"[^/]+/\d+", info["default_model"]), f"default_model is {info['default_model']!r}")
    require(info["serving_model_count"] > 0, "no model serves")
    require(info["target"] and info["start_time"], "no target or no start_time")


@suite.check("ListModels and GetModel: the default model serves, and is the same in both")
def _(grpcurl):
    models = grpcurl.call(f"{MODELS}/ListModels", {})["models"]
    default = [model for model in models if model["is_default"]]
    equal(len(default), 1, "number of default models")
    equal(default[0]["state"], "MODEL_STATE_SERVING", "state of the default model")
    equal(default[0]["name"].split("/")[0], "news", "name of the default model")
    require("world" in [topic["name"] for topic in default[0]["topics"]], f"no topic \"world\": {default[0]['topics']}")
    equal(grpcurl.call(f"{MODELS}/GetModel", {})["model"], default[0], "GetModel of the default")
    equal(grpcurl.call(f"{MODELS}/GetModel", {"name": default[0]["name"]})["model"], default[0], "GetModel by name")


@suite.check("Classify of the example as it stands: \"world\" is among the first two topics")
def _(grpcurl):
    answer = grpcurl.call(f"{CLASSIFICATION}/Classify", grpcurl.example)
    topics = scores(answer)
    topics_are_sound(topics, all_topics=False)
    require("world" in [name for name, _, _ in topics[:2]], f"topics are {topics}")
    require(answer["decision"] in ("DECISION_CONFIDENT", "DECISION_UNCERTAIN"), f"decision is {answer['decision']!r}")
    require(0 < answer["known_token_count"] <= answer["token_count"], f"token counts: {answer}")


@suite.check("the same without reflection, from the proto files")
def _(grpcurl):
    flags = ["-import-path", grpcurl.proto, "-proto", "slugline/v1/classification_service.proto"]
    with_files = grpcurl.call(f"{CLASSIFICATION}/Classify", grpcurl.example, flags=flags)
    equal(with_files, grpcurl.call(f"{CLASSIFICATION}/Classify", grpcurl.example), "answer without reflection")


@suite.check("explain: probabilities sum to 1, evidence adds up to log_odds")
def _(grpcurl):
    answer = grpcurl.call(f"{CLASSIFICATION}/Classify", {"article": grpcurl.article, "explain": True})
    topics_are_sound(scores(answer), all_topics=True)
    limit = grpcurl.call(f"{SERVER}/GetServerInfo", {})["limits"]["max_evidence_terms"]
    for topic in answer["topics"]:
        require(0 < len(topic["evidence"]) <= limit, f"{len(topic['evidence'])} terms in the evidence of {topic['name']!r}")
        weights = [float(evidence["weight"]) for evidence in topic["evidence"]]
        evidence_adds_up(
            topic["name"], float(topic["log_odds"]), float(topic["bias"]), weights, float(topic["other_evidence_weight"]))


@suite.check("explain: each term stands where its spans say, title and body counted in code points")
def _(grpcurl):
    article = {"title": f"\U0001f44d\U0001f3fd {grpcurl.article['title']}", "body": f"\u00e9 {grpcurl.article['body']}"}
    answer = grpcurl.call(f"{CLASSIFICATION}/Classify", {"article": article, "explain": True})
    limit = grpcurl.call(f"{SERVER}/GetServerInfo", {})["limits"]["max_evidence_spans"]
    for evidence in (evidence for topic in answer["topics"] for evidence in topic["evidence"]):
        equal(len(evidence["spans"]), min(evidence["count"], limit), f"number of spans of {evidence['term']!r}")
        for span in evidence["spans"]:
            text = article[{"ARTICLE_FIELD_TITLE": "title", "ARTICLE_FIELD_BODY": "body"}[span["field"]]]
            stands_at(evidence["term"], text[span["start"]:span["end"]])


@suite.check("empty article: INVALID_ARGUMENT that names the field")
def _(grpcurl):
    for message in ({}, {"article": {}}, {"article": {"title": " ", "body": "\n\t"}}):
        details = grpcurl.fail(f"{CLASSIFICATION}/Classify", message, INVALID_ARGUMENT)
        names_a_field(details, r"article(\.title|\.body)?")


@suite.check("negative max_topics: INVALID_ARGUMENT that names the field")
def _(grpcurl):
    message = {"article": grpcurl.article, "max_topics": -1}
    names_a_field(grpcurl.fail(f"{CLASSIFICATION}/Classify", message, INVALID_ARGUMENT), r"max_topics")


@suite.check("article above max_article_bytes: INVALID_ARGUMENT that names the field")
def _(grpcurl):
    limit = int(grpcurl.call(f"{SERVER}/GetServerInfo", {})["limits"]["max_article_bytes"])
    body = ("word " * (limit // 5 + 1))[:limit]
    grpcurl.call(f"{CLASSIFICATION}/Classify", {"article": {"body": body}})
    message = {"article": {"body": body + "s"}}
    details = grpcurl.fail(f"{CLASSIFICATION}/Classify", message, INVALID_ARGUMENT)
    names_a_field(details, r"article(\.title|\.body)?")


@suite.check("unknown model: NOT_FOUND that names it, in Classify and in GetModel")
def _(grpcurl):
    message = {"article": grpcurl.article, "model": "no-such-model"}
    names_a_resource(grpcurl.fail(f"{CLASSIFICATION}/Classify", message, NOT_FOUND), "no-such-model")
    names_a_resource(grpcurl.fail(f"{MODELS}/GetModel", {"name": "no-such-model"}, NOT_FOUND), "no-such-model")


@suite.check("BatchClassify: one bad article fails alone, the others are as from Classify")
def _(grpcurl):
    second = {"title": "Striker scores twice as the champions win the cup final"}
    results = grpcurl.call(
        f"{CLASSIFICATION}/BatchClassify", {"articles": [grpcurl.article, {"title": ""}, second]})["results"]
    equal(len(results), 3, "number of results")
    for result, article in ((results[0], grpcurl.article), (results[2], second)):
        require("classification" in result, f"no classification: {result}")
        alone = grpcurl.call(f"{CLASSIFICATION}/Classify", {"article": article})
        equal(result["classification"], alone, "result of the batch, against Classify")
    require("error" in results[1], f"the empty article has no error: {results[1]}")
    equal(results[1]["error"]["code"], INVALID_ARGUMENT, "code of the empty article's error")
    names_a_field(details_of(results[1]["error"]), r"(article|articles\[1\])(\.title|\.body)?")


@suite.check("StreamClassify: ids come back in order")
def _(grpcurl):
    # Several messages on standard input: grpcurl reads one JSON value after the other.
    requests = [{"id": f"request {i}", "request": {"article": grpcurl.article, "max_topics": 1}} for i in range(3)]
    done = subprocess.run(
        [grpcurl.program, "-plaintext", "-max-time", "30", "-d", "@", grpcurl.address, f"{CLASSIFICATION}/StreamClassify"],
        input="\n".join(map(json.dumps, requests)), capture_output=True, text=True, timeout=60,
    )
    require(done.returncode == 0, f"StreamClassify ended with {done.returncode}: {done.stderr.strip()}")
    decoder, answers, rest = json.JSONDecoder(), [], done.stdout.strip()
    while rest:
        answer, end = decoder.raw_decode(rest)
        answers.append(snake_case(answer))
        rest = rest[end:].strip()
    equal([answer["id"] for answer in answers], [request["id"] for request in requests], "ids of the answers")
    for answer in answers:
        equal(answer["classification"], answers[0]["classification"], "answers to the same article")


@suite.check("archive: put, get, list, find similar by id and by text, delete")
def _(grpcurl):
    story = {
        "interop/1": ("Volcano erupts on the island of Sarno", "Ash and lava closed the airport."),
        "interop/2": ("Sarno's volcano erupted again", "The airport of the island stays closed."),
        "interop/3": ("Bank merger fails", "Shareholders voted against it."),
    }
    for place, (name, (title, body)) in enumerate(story.items()):
        article = {"id": name, "title": title, "body": body, "publish_time": f"2026-01-0{place + 1}T10:00:00Z", "source": "AP",
                   "language_code": "en", "labels": {"desk": "test"}}
        stored = grpcurl.call(f"{ARTICLES}/PutArticle", {"article": article})
        equal(stored["outcome"], "PUT_OUTCOME_CREATED", f"outcome of {name}")
        there = grpcurl.call(f"{ARTICLES}/GetArticle", {"id": name})["article"]
        for field, value in article.items():
            equal(there[field], value, f"{field} of {name}")
        equal(there["topics"], stored["topics"], f"topics of {name}")
    listed = grpcurl.call(f"{ARTICLES}/ListArticles", {"page_size": 2})
    equal([article["id"] for article in listed["articles"]], ["interop/1", "interop/2"], "the first page")
    listed = grpcurl.call(f"{ARTICLES}/ListArticles", {"page_size": 2, "page_token": listed["next_page_token"]})
    equal([article["id"] for article in listed["articles"]], ["interop/3"], "the second page")
    found = grpcurl.call(f"{SIMILARITY}/FindSimilarArticles", {"article_id": "interop/1"})["articles"]
    equal(found[0]["article"]["id"], "interop/2", "the most similar article")
    require(0 < found[0]["similarity"] < 1, f"similarity is {found[0]['similarity']}")
    shares = sum(matched["share"] for matched in found[0]["matched_terms"])
    shares += found[0]["other_share"] + found[0]["meaning_share"]
    require(abs(shares - 1) < 1e-9, f"shares sum to {shares}")
    title, body = story["interop/1"]
    by_text = grpcurl.call(f"{SIMILARITY}/FindSimilarArticles", {"article": {"title": title, "body": body}})["articles"]
    equal(by_text[0]["similarity"], 1, "similarity of the same text")
    equal(by_text[1:], found, "by text, against by id")
    filtered = {"article_id": "interop/1", "filter": {"publish_time_from": "2026-01-03T00:00:00Z", "labels": {"desk": "test"}}}
    found = grpcurl.call(f"{SIMILARITY}/FindSimilarArticles", filtered)["articles"]
    require("interop/2" not in [similar["article"]["id"] for similar in found], "the filter lets an older article through")
    details = grpcurl.fail(f"{SIMILARITY}/FindSimilarArticles", {"article_id": "interop/1", "filter": {"topics": ["x y"]}}, INVALID_ARGUMENT)
    names_a_field(details, r"filter\.topics\[0\]")
    results = grpcurl.call(f"{ARTICLES}/BatchDeleteArticles", {"ids": [*story, "interop/none"]})["results"]
    equal(["deleted" in result for result in results], [True, True, True, False], "what was deleted")
    names_a_resource(details_of(results[3]["error"]), "interop/none")
    names_a_resource(grpcurl.fail(f"{ARTICLES}/GetArticle", {"id": "interop/1"}, NOT_FOUND), "interop/1")
    names_a_resource(grpcurl.fail(f"{SIMILARITY}/FindSimilarArticles", {"article_id": "interop/1"}, NOT_FOUND), "interop/1")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grpcurl", required=True)
    parser.add_argument("--proto", required=True)
    parser.add_argument("--example", required=True)
    parser.add_argument("address")
    sys.exit(suite.run(Grpcurl(parser.parse_args())))


if __name__ == "__main__":
    main()

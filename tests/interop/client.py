"""A client that shares no code with the server: grpcio, with stubs that protoc makes from the proto files.

    client.py --proto FOLDER --example FILE HOST:PORT

Prints a line a check and a summary; ends at the first failure, with exit code 1. requirements.txt says what it needs.
"""
import argparse
import concurrent.futures
import importlib
import json
import pathlib
import sys
import tempfile
import threading

import grpc
import grpc_tools
from google.protobuf import descriptor_pb2, json_format
from google.rpc import code_pb2, error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from grpc_tools import protoc

from checks import (
    Failure, Skipped, Suite, a_field_is_named, equal, error_info_is_ours, evidence_adds_up, near, require, shorten,
    topics_are_sound,
)

TIMEOUT = 30  # seconds: for a call that is expected to be answered
PROTOS = ["article", "article_service", "classification_service", "model_service", "server_service", "similarity_service"]
SERVICES = [
    "slugline.v1.ClassificationService", "slugline.v1.ModelService", "slugline.v1.ServerService", "slugline.v1.ArticleService",
    "slugline.v1.SimilarityService",
]
STREAM_LENGTH, STREAM_BAD = 50, 25
ARTICLE_FIELD = r"article(\.title|\.body)?"
suite = Suite("interop")


def make_stubs(proto, folder):
    """Compiles our protos, and only them: google/rpc comes with the packages, and must not be registered twice."""
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    files = [f"slugline/v1/{name}.proto" for name in PROTOS]
    present = sorted(path.stem for path in pathlib.Path(proto, "slugline/v1").glob("*.proto"))
    equal(present, sorted(PROTOS), "proto files")
    code = protoc.main(["protoc", f"-I{proto}", f"-I{well_known}", f"--python_out={folder}", f"--grpc_python_out={folder}", *files])
    require(code == 0, f"protoc ended with {code}")
    sys.path.insert(0, str(folder))


class Client:
    def __init__(self, arguments):
        load = lambda name: importlib.import_module(f"slugline.v1.{name}")
        self.article_pb2, self.pb2 = load("article_pb2"), load("classification_service_pb2")
        self.models_pb2, self.server_pb2 = load("model_service_pb2"), load("server_service_pb2")
        self.articles_pb2, self.similarity_pb2 = load("article_service_pb2"), load("similarity_service_pb2")
        # The channel must not hide what the server limits.
        sizes = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        self.address = arguments.address
        self.channel = grpc.insecure_channel(arguments.address, options=sizes)
        self.classification = load("classification_service_pb2_grpc").ClassificationServiceStub(self.channel)
        self.models = load("model_service_pb2_grpc").ModelServiceStub(self.channel)
        self.server = load("server_service_pb2_grpc").ServerServiceStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)
        self.reflection = reflection_pb2_grpc.ServerReflectionStub(self.channel)
        example = json.loads(pathlib.Path(arguments.example).read_text(encoding="utf-8"))
        self.example = json_format.ParseDict(example, self.pb2.ClassifyRequest())
        self.article = self.example.article

    def text(self, body, title="", language_code=""):
        return self.article_pb2.Article(title=title, body=body, language_code=language_code)

    def request(self, article=None, **fields):
        return self.pb2.ClassifyRequest(article=self.article if article is None else article, **fields)

    def classify(self, article=None, **fields):
        return self.classification.Classify(self.request(article, **fields), timeout=TIMEOUT)

    def limits(self):
        return self.server.GetServerInfo(self.server_pb2.GetServerInfoRequest(), timeout=TIMEOUT).limits

    def default_model(self):
        return self.models.GetModel(self.models_pb2.GetModelRequest(), timeout=TIMEOUT).model


def failure(expected, call, *arguments, **options):
    """Calls what must fail with this code, and returns the error."""
    try:
        answer = call(*arguments, timeout=TIMEOUT, **options)
        answer = list(answer) if hasattr(answer, "__next__") else answer
    except grpc.RpcError as error:
        require(error.code() == expected, f"expected {expected}, found {error.code()}: {error.details()}")
        return error
    raise Failure(f"expected {expected}, found an answer: {shorten(answer)}")


def details(status, expected_code):
    """Checks a google.rpc.Status, and returns its details by type."""
    require(status is not None, "the error has no google.rpc.Status (grpc-status-details-bin)")
    equal(status.code, expected_code, f"code of the status ({status.message!r})")
    require(status.message, "the status has no message")
    found = {}
    for detail in status.details:
        name = detail.type_url.rpartition(".")[2]
        message = getattr(error_details_pb2, name)()
        require(detail.Unpack(message), f"cannot unpack {detail.type_url}")
        found[name] = message
    require("ErrorInfo" in found, f"no ErrorInfo in the details: {sorted(found)}")
    error_info_is_ours(found["ErrorInfo"].reason, found["ErrorInfo"].domain)
    return found


def names_a_field(found, pattern):
    require("BadRequest" in found, f"no BadRequest in the details: {sorted(found)}")
    a_field_is_named([(v.field, v.description) for v in found["BadRequest"].field_violations], pattern)


def bad_field(pattern, call, *arguments):
    """Calls what must fail for a field of this name."""
    error = failure(grpc.StatusCode.INVALID_ARGUMENT, call, *arguments)
    names_a_field(details(rpc_status.from_call(error), code_pb2.INVALID_ARGUMENT), pattern)


def not_found(name, call, *arguments):
    """Calls what must fail for want of a resource of this name."""
    error = failure(grpc.StatusCode.NOT_FOUND, call, *arguments)
    found = details(rpc_status.from_call(error), code_pb2.NOT_FOUND)
    require("ResourceInfo" in found, f"no ResourceInfo in the details: {sorted(found)}")
    require(name in found["ResourceInfo"].resource_name, f"ResourceInfo does not name {name!r}: {found['ResourceInfo']}")


def same_bytes(actual, expected, what):
    if actual.SerializeToString() != expected.SerializeToString():
        raise Failure(f"{what}: other bytes than expected\n     expected {shorten(expected)}\n     found {shorten(actual)}")


def scores(answer):
    return [(topic.name, topic.probability, topic.log_odds) for topic in answer.topics]


def is_sound(client, answer):
    """What holds for an answer to any text, with all topics."""
    topics_are_sound(scores(answer), all_topics=True)
    require(answer.decision != client.pb2.DECISION_UNSPECIFIED, "no decision")
    require(0 <= answer.known_token_count <= answer.token_count, f"token counts: {shorten(answer)}")
    for warning in answer.warnings:
        require(warning.code != client.pb2.WARNING_CODE_UNSPECIFIED and warning.message, f"warning: {warning!r}")


# What is running

@suite.check("GetServerInfo: version, target, start time, default model, no limit is 0")
def _(client):
    info = client.server.GetServerInfo(client.server_pb2.GetServerInfoRequest(), timeout=TIMEOUT)
    require(info.version and info.target, f"no version or no target: {info}")
    require(info.start_time.seconds > 1_700_000_000, f"start_time: {info.start_time}")
    require(info.default_model and info.serving_model_count > 0, f"no model serves: {info}")
    for field in info.limits.DESCRIPTOR.fields:
        limit = getattr(info.limits, field.name)
        limit = limit.ToNanoseconds() if field.message_type else limit
        require(limit > 0, f"{field.name} is {limit}")


@suite.check("health: SERVING as a whole and for each service, NOT_FOUND for another")
def _(client):
    for service in ["", *SERVICES]:
        answer = client.health.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT)
        equal(answer.status, health_pb2.HealthCheckResponse.SERVING, f"health of {service!r}")
    failure(grpc.StatusCode.NOT_FOUND, client.health.Check, health_pb2.HealthCheckRequest(service="no.such.Service"))


@suite.check("health: Watch says SERVING at once")
def _(client):
    watch = client.health.Watch(health_pb2.HealthCheckRequest(service=SERVICES[0]), timeout=TIMEOUT)
    equal(next(watch).status, health_pb2.HealthCheckResponse.SERVING, "first answer of Watch")
    watch.cancel()


@suite.check("reflection (v1alpha): the server's descriptors are those of the proto files")
def _(client):
    def fields(file):
        for message in file.message_type:
            for field in message.field:
                yield f"{message.name}.{field.name}", (field.number, field.type, field.label, field.type_name)
        for enum in file.enum_type:
            yield from ((f"{enum.name}.{value.name}", value.number) for value in enum.value)
        for service in file.service:
            for method in service.method:
                shape = (method.input_type, method.output_type, method.client_streaming, method.server_streaming)
                yield f"{service.name}.{method.name}", shape

    for module in (
        client.article_pb2, client.pb2, client.models_pb2, client.server_pb2, client.articles_pb2, client.similarity_pb2,
    ):
        request = reflection_pb2.ServerReflectionRequest(file_by_filename=module.DESCRIPTOR.name)
        answer = next(client.reflection.ServerReflectionInfo(iter([request]), timeout=TIMEOUT))
        require(answer.HasField("file_descriptor_response"), f"no {module.DESCRIPTOR.name}: {answer}")
        files = map(descriptor_pb2.FileDescriptorProto.FromString, answer.file_descriptor_response.file_descriptor_proto)
        served = [file for file in files if file.name == module.DESCRIPTOR.name]
        equal(len(served), 1, f"number of descriptors of {module.DESCRIPTOR.name}")
        ours = descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        equal(dict(fields(served[0])), dict(fields(ours)), f"descriptor of {ours.name}")


@suite.check("reflection (v1alpha): a question without an answer fails alone")
def _(client):
    questions = [
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.Such"),
        reflection_pb2.ServerReflectionRequest(file_by_filename="no/such.proto"),
        reflection_pb2.ServerReflectionRequest(list_services="*"),
    ]
    answers = list(client.reflection.ServerReflectionInfo(iter(questions), timeout=TIMEOUT))
    kinds = [answer.WhichOneof("message_response") for answer in answers]
    equal(kinds, ["error_response", "error_response", "list_services_response"], "the answers")
    equal({answer.error_response.error_code for answer in answers[:2]}, {grpc.StatusCode.NOT_FOUND.value[0]}, "codes")


@suite.check("GetModel and ListModels: the default model, by every name it has")
def _(client):
    pb2, default = client.models_pb2, client.default_model()
    require(default.is_default, f"{default.name} is not the default")
    equal(default.state, pb2.MODEL_STATE_SERVING, "state")
    require(default.term_count > 0 and default.recipe in ("multinomial", "complement", "linked"), f"model: {shorten(default)}")
    names = [topic.name for topic in default.topics]
    equal(names, sorted(names), "topics, in the order of their names")
    require(len(default.weights_sha256) == 64, f"weights_sha256 is {default.weights_sha256!r}")
    require(0 < default.confident_probability <= 1, f"confident_probability is {default.confident_probability}")
    name, _, version = default.name.partition("/")
    require(version, f"{default.name!r} has no version")
    for asked in (name, default.name):
        same_bytes(client.models.GetModel(pb2.GetModelRequest(name=asked), timeout=TIMEOUT).model, default, f"GetModel {asked!r}")
    # Pages of one model each are the list.
    everything = client.models.ListModels(pb2.ListModelsRequest(), timeout=TIMEOUT)
    equal(everything.next_page_token, "", "token after the only page")
    paged, token = [], ""
    while len(paged) <= len(everything.models):
        page = client.models.ListModels(pb2.ListModelsRequest(page_size=1, page_token=token), timeout=TIMEOUT)
        equal(len(page.models), 1, "models on a page of 1")
        paged, token = paged + list(page.models), page.next_page_token
        if not token:
            break
    equal(paged, list(everything.models), "models page by page")
    equal([model for model in paged if model.is_default], [default], "default models in the list")


@suite.check("GetModel and ListModels: bad requests")
def _(client):
    pb2 = client.models_pb2
    not_found("no-such-model", client.models.GetModel, pb2.GetModelRequest(name="no-such-model"))
    not_found("news/999999", client.models.GetModel, pb2.GetModelRequest(name="news/999999"))
    bad_field("name", client.models.GetModel, pb2.GetModelRequest(name="a/b/c"))
    bad_field("page_size", client.models.ListModels, pb2.ListModelsRequest(page_size=-1))
    bad_field("page_token", client.models.ListModels, pb2.ListModelsRequest(page_token="no token of this server"))


# Classify

@suite.check("Classify: the example as it stands has \"world\" among its first two topics")
def _(client):
    answer = client.classification.Classify(client.example, timeout=TIMEOUT)
    topics_are_sound(scores(answer), all_topics=False)
    require("world" in [topic.name for topic in answer.topics[:2]], f"topics are {scores(answer)}")


@suite.check("Classify: all topics of the model, probabilities that sum to 1, no evidence unless asked")
def _(client):
    answer, model = client.classify(), client.default_model()
    is_sound(client, answer)
    equal(answer.model, model.name, "model")
    equal(sorted(topic.name for topic in answer.topics), [topic.name for topic in model.topics], "topics")
    require(answer.known_token_count > 0, "no known word in the example")
    reached = answer.topics[0].probability >= model.confident_probability
    expected = client.pb2.DECISION_CONFIDENT if reached else client.pb2.DECISION_UNCERTAIN
    equal(answer.decision, expected, f"decision at probability {answer.topics[0].probability}")
    for topic in answer.topics:
        require(not topic.evidence and topic.bias == 0 and topic.other_evidence_weight == 0, f"not asked for: {topic}")


@suite.check("Classify: explain adds up, and changes nothing else")
def _(client):
    plain, explained = client.classify(), client.classify(explain=True)
    limit = client.limits().max_evidence_terms
    for topic in explained.topics:
        require(0 < len(topic.evidence) <= limit, f"{len(topic.evidence)} terms in the evidence of {topic.name!r}, limit {limit}")
        weights = [evidence.weight for evidence in topic.evidence]
        evidence_adds_up(topic.name, topic.log_odds, topic.bias, weights, topic.other_evidence_weight)
        for evidence in topic.evidence:
            is_form = evidence.term in ("<headline>", "<story>")
            require(evidence.term and (evidence.count == 0) == is_form, f"evidence: {evidence}")
            equal(evidence.term, evidence.term.casefold(), "term, case-folded")
        for field in ("bias", "evidence", "other_evidence_weight"):
            topic.ClearField(field)
    explained.ClearField("contrast")
    same_bytes(explained, plain, "explained answer without its evidence")


@suite.check("Classify: the contrast with the runner-up or a named topic is exact")
def _(client):
    log_odds = {topic.name: topic.log_odds for topic in client.classify().topics}
    first, runner_up, third, *_ = log_odds
    others = {"": runner_up, first: runner_up, runner_up: runner_up, third: third}
    for asked, other in others.items():
        contrast = client.classify(explain=True, explain_against=asked, max_topics=1).contrast
        equal((contrast.topic, contrast.other_topic), (first, other), f"topics against {asked!r}")
        near(contrast.log_odds, log_odds[first] - log_odds[other], 1e-9, "log_odds, contrasted")
        weights = [evidence.weight for evidence in contrast.evidence]
        other_weight = contrast.other_evidence_weight
        evidence_adds_up(first, contrast.log_odds, contrast.bias, weights, other_weight)
        require(0 < contrast.explained_share <= 1, f"explained_share {contrast.explained_share}")


@suite.check("Classify: max_topics and min_probability leave out the end of the list, and change nothing else")
def _(client):
    every = client.classify()
    for most in (1, 2, len(every.topics), len(every.topics) + 1, 2**31 - 1):
        expected = client.pb2.ClassifyResponse.FromString(every.SerializeToString())
        del expected.topics[most:]
        same_bytes(client.classify(max_topics=most), expected, f"max_topics {most}")
    for least in (every.topics[1].probability, 0.5, 1.0):
        kept = sum(topic.probability >= least for topic in every.topics)
        expected = client.pb2.ClassifyResponse.FromString(every.SerializeToString())
        del expected.topics[kept:]
        same_bytes(client.classify(min_probability=least), expected, f"min_probability {least}")


@suite.check("Classify: the model by name and by version answers as the default does")
def _(client):
    name = client.default_model().name
    for asked in (name, name.partition("/")[0]):
        same_bytes(client.classify(model=asked), client.classify(), f"model {asked!r}")


@suite.check("Classify: the same bytes 200 times, 16 at a time")
def _(client):
    expected = client.classify(explain=True)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for answer in pool.map(lambda _: client.classify(explain=True), range(200)):
            same_bytes(answer, expected, "one of many")


@suite.check("Classify: texts in other scripts, emoji, NUL, long words")
def _(client):
    for text in (
        "日本と米国がサイバー防衛協力を拡大", "日本和美国扩大网络防御合作。", "اليابان والولايات المتحدة توسعان التعاون في مجال الدفاع السيبراني",
        "יפן וארצות הברית", "ประเทศญี่ปุ่นและสหรัฐอเมริกา", "🚀🔥👩‍👩‍👧‍👦🇯🇵", "e\u0301 \u200b\u202e\ufeff\U0010ffff", "NUL \0 in \0\0 the text", "\0",
        "ＦＵＬＬ ｗｉｄｔｈ ﬁ ﬂ İSTANBUL straße ΣΊΣΥΦΟΣ", "a" * 20_000, "market " * 2_000, "- ! ? , .", "1 2 3.14 1,000 -5 %",
    ):
        for article in (client.text(text), client.text("", title=text)):
            answer = client.classify(article, explain=True)
            is_sound(client, answer)
            for topic in answer.topics:
                weights = [evidence.weight for evidence in topic.evidence]
                evidence_adds_up(topic.name, topic.log_odds, topic.bias, weights, topic.other_evidence_weight)


@suite.check("Classify: a text without a known word is DECISION_UNKNOWN_TEXT, with the prior for probabilities")
def _(client):
    first = client.classify(client.text("qzxv wqkj zzqxw"))
    is_sound(client, first)
    equal(first.decision, client.pb2.DECISION_UNKNOWN_TEXT, "decision")
    equal(first.known_token_count, 0, "known_token_count")
    other = client.classify(client.text("vxqzk jjqwx"))
    equal(scores(other), scores(first), "topics of another text without a known word")


@suite.check("Classify: a language the model does not know is a warning, in the model's own language there is none")
def _(client):
    language = client.default_model().language_code
    if not language:
        raise Skipped("the model states no language")
    mismatch = client.pb2.WARNING_CODE_LANGUAGE_MISMATCH
    article = client.article_pb2.Article()
    for code, expected in ((language, False), ("", False), ("fi" if language != "fi" else "et", True)):
        article.CopyFrom(client.article)
        article.language_code = code
        codes = [warning.code for warning in client.classify(article).warnings]
        equal(mismatch in codes, expected, f"warning of language for {code!r} ({codes})")


@suite.check("Classify: every bad field is INVALID_ARGUMENT, with its name")
def _(client):
    call = client.classification.Classify
    bad_field(ARTICLE_FIELD, call, client.pb2.ClassifyRequest())
    for body in ("", " ", "\n\t\u00a0\u3000"):
        bad_field(ARTICLE_FIELD, call, client.request(client.text(body, title=body)))
    bad_field(r"max_topics", call, client.request(max_topics=-1))
    for least in (-0.1, 1.1, float("nan"), float("inf")):
        bad_field(r"min_probability", call, client.request(min_probability=least))
    bad_field(r"article\.language_code", call, client.request(client.text("text", language_code="not a tag")))


@suite.check("Classify: unknown models are NOT_FOUND, with their name")
def _(client):
    for name in ("no-such-model", client.default_model().name.partition("/")[0] + "/999999"):
        not_found(name, client.classification.Classify, client.request(model=name))


@suite.check("Classify: max_article_bytes holds for title and body together, to the byte")
def _(client):
    limit = client.limits().max_article_bytes
    body = "é" * ((limit - 6) // 2)  # two bytes each
    title = "x" * (limit - len(body.encode()))
    is_sound(client, client.classify(client.text(body, title=title)))
    bad_field(ARTICLE_FIELD, client.classification.Classify, client.request(client.text(body, title=title + "x")))


@suite.check("a message above max_message_bytes is INVALID_ARGUMENT, compressed or not")
def _(client):
    article = client.text("word " * (client.limits().max_message_bytes // 5 + 1))
    for compression in (None, grpc.Compression.Gzip):
        call = client.classification.Classify
        failure(grpc.StatusCode.INVALID_ARGUMENT, call, client.request(article), compression=compression)
        batch = client.pb2.BatchClassifyRequest(articles=[article])
        failure(grpc.StatusCode.INVALID_ARGUMENT, client.classification.BatchClassify, batch, compression=compression)
    is_sound(client, client.classify())  # the connection outlives it


@suite.check("a message that is no protobuf is an error, and the server lives on")
def _(client):
    for noise in (b"\xff" * 8, b"\x0a\x7f", b"\x0a\x04\x0a\x02\xc3\x28"):  # the last: a title that is not UTF-8
        call = client.channel.unary_unary("/slugline.v1.ClassificationService/Classify")
        try:
            answer = call(noise, timeout=TIMEOUT)
        except grpc.RpcError as error:
            allowed = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL)
            require(error.code() in allowed, f"{noise!r}: {error.code()}: {error.details()}")
        else:
            raise Failure(f"{noise!r} was answered: {answer!r}")
    is_sound(client, client.classify())


@suite.check("a method that there is not is UNIMPLEMENTED")
def _(client):
    call = client.channel.unary_unary("/slugline.v1.ClassificationService/NoSuchMethod")
    failure(grpc.StatusCode.UNIMPLEMENTED, call, b"")


@suite.check("a gzip request is answered as a plain one; a deflate request is UNIMPLEMENTED")
def _(client):
    compressed = client.classification.Classify(client.request(), timeout=TIMEOUT, compression=grpc.Compression.Gzip)
    same_bytes(compressed, client.classify(), "answer to a gzip request")
    call = client.classification.Classify
    failure(grpc.StatusCode.UNIMPLEMENTED, call, client.request(), compression=grpc.Compression.Deflate)


# BatchClassify

@suite.check("BatchClassify: answers as Classify does, in order; a bad article fails alone")
def _(client):
    articles = [
        client.article, client.text("The striker scored twice as the champions won the cup final"), client.text(" "),
        client.text("Shares fell as the bank raised its interest rate"), client.text("qzxv wqkj"), client.article,
    ]
    for fields in ({}, {"explain": True, "max_topics": 3}, {"min_probability": 0.1, "model": client.default_model().name}):
        request = client.pb2.BatchClassifyRequest(articles=articles, **fields)
        results = client.classification.BatchClassify(request, timeout=TIMEOUT).results
        equal(len(results), len(articles), "number of results")
        for i, (article, result) in enumerate(zip(articles, results)):
            if i == 2:
                equal(result.WhichOneof("result"), "error", "result of the empty article")
                found = details(result.error, code_pb2.INVALID_ARGUMENT)
                names_a_field(found, r"(article|articles\[2\])(\.title|\.body)?")
                continue
            equal(result.WhichOneof("result"), "classification", f"result {i} ({result.error.message})")
            same_bytes(result.classification, client.classify(article, **fields), f"result {i} with {fields}")


@suite.check("BatchClassify: an article above the limit fails alone")
def _(client):
    limits = client.limits()
    if limits.max_article_bytes + 100_000 > limits.max_message_bytes:
        raise Skipped("no message holds an article above the limit")
    articles = [client.article, client.text("x " * (limits.max_article_bytes // 2 + 1)), client.article]
    results = client.classification.BatchClassify(client.pb2.BatchClassifyRequest(articles=articles), timeout=TIMEOUT).results
    equal([r.WhichOneof("result") for r in results], ["classification", "error", "classification"], "results")
    details(results[1].error, code_pb2.INVALID_ARGUMENT)


@suite.check("BatchClassify: what concerns the whole batch fails it whole")
def _(client):
    call, request = client.classification.BatchClassify, client.pb2.BatchClassifyRequest
    bad_field(r"articles", call, request())
    most = client.limits().max_batch_articles
    small = client.text("goal")
    equal(len(call(request(articles=[small] * most, max_topics=1), timeout=TIMEOUT).results), most, "results of the largest batch")
    bad_field(r"articles", call, request(articles=[small] * (most + 1)))
    bad_field(r"max_topics", call, request(articles=[small], max_topics=-1))
    bad_field(r"min_probability", call, request(articles=[small], min_probability=2))
    not_found("no-such-model", call, request(articles=[small], model="no-such-model"))


# StreamClassify

@suite.check(f"StreamClassify: {STREAM_LENGTH} requests, one of them bad: ids in order, answers as from Classify")
def _(client):
    requests = []
    for i in range(STREAM_LENGTH):
        text = " " if i == STREAM_BAD else f"{client.article.body[i * 20:i * 20 + 400]} story number {i}"
        inner = client.request(client.text(text), max_topics=i % 4, explain=i % 2 == 1)
        requests.append(client.pb2.StreamClassifyRequest(id=f"id-{i}-ü", request=inner))
    answers = list(client.classification.StreamClassify(iter(requests), timeout=TIMEOUT))
    equal([answer.id for answer in answers], [request.id for request in requests], "ids")
    for i, (request, answer) in enumerate(zip(requests, answers)):
        if i == STREAM_BAD:
            equal(answer.WhichOneof("result"), "error", "result of the empty article")
            names_a_field(details(answer.error, code_pb2.INVALID_ARGUMENT), r"(request\.)?article(\.title|\.body)?")
            continue
        equal(answer.WhichOneof("result"), "classification", f"result {i} ({answer.error.message})")
        alone = client.classification.Classify(request.request, timeout=TIMEOUT)
        same_bytes(answer.classification, alone, f"answer {i}")


@suite.check("StreamClassify: an answer comes before the next request is sent")
def _(client):
    received = concurrent.futures.Future()

    def requests():
        yield client.pb2.StreamClassifyRequest(id="first", request=client.request())
        received.result(TIMEOUT)
        yield client.pb2.StreamClassifyRequest(id="second", request=client.request())

    answers = client.classification.StreamClassify(requests(), timeout=TIMEOUT)
    try:
        equal(next(answers).id, "first", "id of the first answer")
    finally:
        received.set_result(None)
    equal([answer.id for answer in answers], ["second"], "ids of the rest")


@suite.check("StreamClassify: bad requests of all kinds fail alone, each in its own answer")
def _(client):
    pb2, limits = client.pb2, client.limits()
    good = client.request()
    requests = [
        (pb2.StreamClassifyRequest(id="no request"), code_pb2.INVALID_ARGUMENT),
        (pb2.StreamClassifyRequest(id="model", request=client.request(model="no-such-model")), code_pb2.NOT_FOUND),
        (pb2.StreamClassifyRequest(id="topics", request=client.request(max_topics=-1)), code_pb2.INVALID_ARGUMENT),
        (pb2.StreamClassifyRequest(id="x" * (limits.max_request_id_bytes + 1), request=good), code_pb2.INVALID_ARGUMENT),
        (pb2.StreamClassifyRequest(id="x" * limits.max_request_id_bytes, request=good), code_pb2.OK),
        (pb2.StreamClassifyRequest(id="", request=good), code_pb2.OK),
    ]
    answers = list(client.classification.StreamClassify(iter([request for request, _ in requests]), timeout=TIMEOUT))
    equal(len(answers), len(requests), "number of answers")
    for (request, code), answer in zip(requests, answers):
        if len(request.id) <= limits.max_request_id_bytes:
            equal(answer.id, request.id, "id")
        if code == code_pb2.OK:
            same_bytes(answer.classification, client.classify(), f"answer to {request.id!r}")
        else:
            equal(answer.WhichOneof("result"), "error", f"result of {request.id[:20]!r}")
            details(answer.error, code)


@suite.check("StreamClassify: an empty stream gets an empty answer")
def _(client):
    equal(list(client.classification.StreamClassify(iter([]), timeout=TIMEOUT)), [], "answers")


@suite.check("StreamClassify: a message above max_message_bytes ends the stream with INVALID_ARGUMENT")
def _(client):
    article = client.text("word " * (client.limits().max_message_bytes // 5 + 1))
    requests = [
        client.pb2.StreamClassifyRequest(id="small", request=client.request()),
        client.pb2.StreamClassifyRequest(id="large", request=client.request(article)),
    ]
    failure(grpc.StatusCode.INVALID_ARGUMENT, client.classification.StreamClassify, iter(requests))
    is_sound(client, client.classify())


# Deadlines and cancellation

@suite.check("BatchClassify: what cannot be done by its deadline is DEADLINE_EXCEEDED, by the server")
def _(client):
    # As metadata, the deadline is the server's alone: without a timeout of its own the client waits for the answer.
    article = client.article_pb2.Article(body=" ".join(f"word{n} rates" for n in range(500)))
    batch = client.pb2.BatchClassifyRequest(articles=[article] * 1000)
    try:
        client.classification.BatchClassify.future(batch, metadata=[("grpc-timeout", "2m")]).result(TIMEOUT)
    except grpc.FutureTimeoutError:
        raise Failure(f"no answer within {TIMEOUT} s")
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED, "code")
    else:
        raise Failure("a thousand articles were answered within two milliseconds")


@suite.check("StreamClassify: an open stream ends at its deadline, by the server")
def _(client):
    over = threading.Event()

    def requests():
        yield client.pb2.StreamClassifyRequest(id="first", request=client.request())
        over.wait(TIMEOUT)  # the stream stays open, for this long at most

    answers = client.classification.StreamClassify(requests(), metadata=[("grpc-timeout", "500m")])
    try:
        equal([answer.id for answer in answers], ["first"], "ids")
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED, "code")
    else:
        raise Failure("the stream ended without an error")
    finally:
        over.set()


@suite.check("a stream that the client cancels leaves the server well")
def _(client):
    def requests():
        while True:
            yield client.pb2.StreamClassifyRequest(id="again", request=client.request())

    for _ in range(20):
        answers = client.classification.StreamClassify(requests(), timeout=TIMEOUT)
        equal(next(answers).id, "again", "id")
        answers.cancel()
    is_sound(client, client.classify())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proto", required=True)
    parser.add_argument("--example", required=True)
    parser.add_argument("address")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slugline-stubs-") as folder:
        make_stubs(arguments.proto, folder)
        client = Client(arguments)
        with client.channel:
            return suite.run(client)


if __name__ == "__main__":
    sys.exit(main())

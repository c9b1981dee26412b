"""Talks to a Slugline server: `python newsroom.py HOST:PORT`.

Ends with exit code 1 at the first surprise.
"""
import math
import pathlib
import sys

import grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from slugline.v1 import article_pb2, article_service_pb2, article_service_pb2_grpc
from slugline.v1 import classification_service_pb2, classification_service_pb2_grpc
from slugline.v1 import server_service_pb2, server_service_pb2_grpc
from slugline.v1 import similarity_service_pb2, similarity_service_pb2_grpc

TITLE = "Striker scores twice as United win the cup final"


# region connect
def connect(address):
    return grpc.insecure_channel(
        address,
        compression=grpc.Compression.Gzip,
        options=[
            # Retries what the server refuses for the moment, after the pause that it asks for.
            ("grpc.service_config", pathlib.Path("service-config.json").read_text()),
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 20_000),
        ],
    )
# endregion


def ready(channel):
    request = health_pb2.HealthCheckRequest(service="slugline.v1.ArticleService")
    answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING, answer
    server = server_service_pb2_grpc.ServerServiceStub(channel)
    info = server.GetServerInfo(server_service_pb2.GetServerInfoRequest(), timeout=5)
    print(f"slugline {info.version}, {info.default_model}")
    assert info.limits.max_message_bytes > 0, info


# region classify
def classify(channel):
    service = classification_service_pb2_grpc.ClassificationServiceStub(channel)
    request = classification_service_pb2.ClassifyRequest(
        article=article_pb2.Article(title=TITLE), max_topics=3, explain=True
    )
    answer = service.Classify(request, timeout=5)
    first = answer.topics[0]
    decision = classification_service_pb2.Decision.Name(answer.decision)
    print(f"{first.name} {first.probability:.3f} ({decision})")
    weights = [term.weight for term in first.evidence]
    total = math.fsum([first.bias, *weights, first.other_evidence_weight])
    assert math.isclose(total, first.log_odds, abs_tol=1e-6), total
# endregion


# region errors
def failure_of(error):
    """The code of an error, and its details by the names of their types."""
    status, found = rpc_status.from_call(error), {}
    for detail in status.details:
        name = detail.TypeName().rpartition(".")[2]
        found[name] = getattr(error_details_pb2, name)()
        detail.Unpack(found[name])
    return error.code(), found
# endregion


def failure(call, request):
    try:
        answer = call(request, timeout=5)
    except grpc.RpcError as error:
        return failure_of(error)
    raise AssertionError(f"an answer, not an error: {answer}")


def refused(channel):
    service = classification_service_pb2_grpc.ClassificationServiceStub(channel)
    empty = classification_service_pb2.ClassifyRequest(article=article_pb2.Article())
    code, details = failure(service.Classify, empty)
    assert code == grpc.StatusCode.INVALID_ARGUMENT, code
    assert details["ErrorInfo"].reason == "EMPTY_ARTICLE", details
    assert [v.field for v in details["BadRequest"].field_violations] == ["article"], details


def stream(channel):
    count, bad = 20, 7
    good = classification_service_pb2.ClassifyRequest(article=article_pb2.Article(title=TITLE))
    request = classification_service_pb2.StreamClassifyRequest
    requests = (request(id=str(i), request=None if i == bad else good) for i in range(count))
    service = classification_service_pb2_grpc.ClassificationServiceStub(channel)
    answers = list(service.StreamClassify(requests, timeout=30))
    assert [answer.id for answer in answers] == [str(i) for i in range(count)], answers
    # One bad request fails alone, with a google.rpc.Status of its own.
    assert [answer.id for answer in answers if answer.HasField("error")] == [str(bad)], answers


def archive(channel):
    pb2 = article_service_pb2
    articles = article_service_pb2_grpc.ArticleServiceStub(channel)
    texts = [
        "The River Orr burst its banks on Tuesday and flooded the lower town of Orrmouth.",
        "The River Orr burst its banks on Tuesday, flooding the lower town.",
        TITLE,
    ]
    for i, text in enumerate(texts):
        article = pb2.ArchivedArticle(id=f"python-{i}", title=text, language_code="en")
        articles.PutArticle(pb2.PutArticleRequest(article=article), timeout=5)
    found = articles.GetArticle(pb2.GetArticleRequest(id="python-0"), timeout=5).article
    assert found.title == texts[0] and found.topics, found

    ids, token = set(), None
    while token != "":
        request = pb2.ListArticlesRequest(page_size=2, page_token=token)
        page = articles.ListArticles(request, timeout=5)
        ids.update(article.id for article in page.articles)
        token = page.next_page_token
    assert ids >= {"python-0", "python-1", "python-2"}, ids

    request = similarity_service_pb2.FindSimilarArticlesRequest(article_id="python-0", page_size=1)
    service = similarity_service_pb2_grpc.SimilarityServiceStub(channel)
    similar = service.FindSimilarArticles(request, timeout=5).articles
    assert [result.article.id for result in similar] == ["python-1"], similar

    for i in range(len(texts)):
        articles.DeleteArticle(pb2.DeleteArticleRequest(id=f"python-{i}"), timeout=5)
    code, details = failure(articles.GetArticle, pb2.GetArticleRequest(id="python-0"))
    assert code == grpc.StatusCode.NOT_FOUND, code
    assert details["ResourceInfo"].resource_name == "python-0", details


def main():
    with connect(sys.argv[1]) as channel:
        ready(channel)
        print("ok   health and server info")
        classify(channel)
        print("ok   classify with explain")
        refused(channel)
        print("ok   the details of an error")
        stream(channel)
        print("ok   a stream, with one bad request")
        archive(channel)
        print("ok   put, get, list, find similar, delete")


main()

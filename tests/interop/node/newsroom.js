// Talks to a Slugline server: `node newsroom.js HOST:PORT`. Ends with exit code 1 at the first
// surprise.
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";

import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { compressionGzip, createGrpcTransport } from "@connectrpc/connect-node";

import {
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";
import { Health, HealthCheckResponse_ServingStatus } from "./gen/health/v1/health_pb.js";
import { ArticleService } from "./gen/slugline/v1/article_service_pb.js";
import { ClassificationService, Decision } from "./gen/slugline/v1/classification_service_pb.js";
import { ServerService } from "./gen/slugline/v1/server_service_pb.js";
import { SimilarityService } from "./gen/slugline/v1/similarity_service_pb.js";

// region connect
// Retries what the server refuses for the moment, after the pause that it asks for.
const retry = (next) => async (request) => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await next(request);
    } catch (error) {
      const [info] = ConnectError.from(error).findDetails(RetryInfoSchema);
      if (info === undefined || request.stream || attempt === 5) throw error;
      const { seconds, nanos } = info.retryDelay;
      const pause = Number(seconds) * 1000 + nanos / 1e6;
      await setTimeout(pause, undefined, { signal: request.signal });
    }
  }
};

const connect = (address) =>
  createGrpcTransport({
    baseUrl: `http://${address}`,
    interceptors: [retry],
    sendCompression: compressionGzip,
    defaultTimeoutMs: 5_000,
    pingIntervalMs: 60_000,
    pingTimeoutMs: 20_000,
  });
// endregion

const title = "Striker scores twice as United win the cup final";

async function ready(transport) {
  const health = createClient(Health, transport);
  const { status } = await health.check({ service: "slugline.v1.ArticleService" });
  assert.equal(status, HealthCheckResponse_ServingStatus.SERVING);
  const info = await createClient(ServerService, transport).getServerInfo({});
  console.log(`slugline ${info.version}, ${info.defaultModel}`);
  assert(info.limits.maxMessageBytes > 0n); // int64 is a BigInt
}

// region classify
async function classify(transport) {
  const service = createClient(ClassificationService, transport);
  const answer = await service.classify({ article: { title }, maxTopics: 3, explain: true });
  const [first] = answer.topics;
  console.log(`${first.name} ${first.probability.toFixed(3)} (${Decision[answer.decision]})`);
  const sum = first.evidence.reduce(
    (total, term) => total + term.weight,
    first.bias + first.otherEvidenceWeight,
  );
  assert(Math.abs(sum - first.logOdds) < 1e-6);
}
// endregion

// region errors
// What an error says beyond its message.
function failureOf(error) {
  const status = ConnectError.from(error);
  const [info] = status.findDetails(ErrorInfoSchema);
  const [badRequest] = status.findDetails(BadRequestSchema);
  const [resource] = status.findDetails(ResourceInfoSchema);
  return {
    code: status.code,
    reason: info?.reason,
    fields: badRequest?.fieldViolations.map((violation) => violation.field),
    name: resource?.resourceName,
  };
}
// endregion

const failure = (call) => call.then(() => assert.fail("an answer, not an error"), failureOf);

async function refused(transport) {
  const service = createClient(ClassificationService, transport);
  assert.deepEqual(await failure(service.classify({ article: {} })), {
    code: Code.InvalidArgument,
    reason: "EMPTY_ARTICLE",
    fields: ["article"],
    name: undefined,
  });
}

async function stream(transport) {
  const [count, bad] = [20, 7];
  async function* requests() {
    for (let i = 0; i < count; i++) {
      yield { id: `${i}`, request: i === bad ? {} : { article: { title }, maxTopics: 1 } };
    }
  }
  const service = createClient(ClassificationService, transport);
  const ids = [];
  for await (const { id, result } of service.streamClassify(requests(), { timeoutMs: 30_000 })) {
    // One bad request fails alone, with a google.rpc.Status of its own.
    assert.equal(result.case, id === `${bad}` ? "error" : "classification");
    if (result.case === "error") assert.equal(result.value.code, Code.InvalidArgument);
    ids.push(id);
  }
  assert.deepEqual(ids, Array.from({ length: count }, (_, i) => `${i}`));
}

async function archive(transport) {
  const articles = createClient(ArticleService, transport);
  const texts = [
    "The River Orr burst its banks on Tuesday and flooded the lower town of Orrmouth.",
    "The River Orr burst its banks on Tuesday, flooding the lower town.",
    title,
  ];
  for (const [i, text] of texts.entries()) {
    await articles.putArticle({ article: { id: `node-${i}`, title: text, languageCode: "en" } });
  }
  const { article } = await articles.getArticle({ id: "node-0" });
  assert.equal(article.title, texts[0]);
  assert(article.topics.length > 0);

  const listed = new Set();
  for (let pageToken = undefined; pageToken !== ""; ) {
    const page = await articles.listArticles({ pageSize: 2, pageToken });
    page.articles.forEach(({ id }) => listed.add(id));
    pageToken = page.nextPageToken;
  }
  assert(texts.every((_, i) => listed.has(`node-${i}`)));

  const source = { case: "articleId", value: "node-0" };
  const similar = await createClient(SimilarityService, transport).findSimilarArticles({
    source,
    pageSize: 1,
  });
  assert.deepEqual(similar.articles.map(({ article }) => article.id), ["node-1"]);

  for (const i of texts.keys()) await articles.deleteArticle({ id: `node-${i}` });
  const gone = await failure(articles.getArticle({ id: "node-0" }));
  assert.equal(gone.code, Code.NotFound);
  assert.equal(gone.name, "node-0");
}

const transport = connect(process.argv[2]);
await ready(transport);
console.log("ok   health and server info");
await classify(transport);
console.log("ok   classify with explain");
await refused(transport);
console.log("ok   the details of an error");
await stream(transport);
console.log("ok   a stream, with one bad request");
await archive(transport);
console.log("ok   put, get, list, find similar, delete");

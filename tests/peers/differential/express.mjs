// Holds requests against documents with express-openapi-validator: a server for each document, and a real request for each case.
// Reads {documents: [{name, document}], requests: [{document, method, target, headers, body}]} and writes a verdict for each request:
// its status and what is said of it, or why there is none.
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.argv[2], "package.json"));
const express = require("express");
const validator = require("express-openapi-validator");

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const given = JSON.parse(Buffer.concat(chunks));

function serve(document) {
  const app = express();
  app.use(express.json({ type: ["application/json", "application/*+json"], strict: false }));
  app.use(express.urlencoded({ extended: false }));
  app.use(express.text({ type: "text/*" }));
  app.use(validator.middleware({ apiSpec: document, validateRequests: true, validateResponses: false, validateSecurity: false, validateApiSpec: false }));
  app.use((request, response) => response.status(200).json({}));
  app.use((error, request, response, next) => response.status(error.status ?? 500).json({ message: String(error.message) }));
  return new Promise((resolve) => {
    const server = app.listen(0, "127.0.0.1", () => resolve(server));
  });
}

function ask(port, { method, target, headers, body }) {
  return new Promise((resolve) => {
    const flat = [];
    for (const [name, value] of headers) flat.push(name, value);
    let request;
    try {
      request = http.request({ host: "127.0.0.1", port, method, path: target, agent: false, timeout: 5000 });
      for (let at = 0; at < flat.length; at += 2) request.appendHeader(flat[at], flat[at + 1]);
    } catch (error) {
      resolve(`cannot be sent: ${error.message}`);
      return;
    }
    request.on("response", (response) => {
      const said = [];
      response.on("data", (chunk) => said.push(chunk));
      response.on("end", () => resolve([response.statusCode, Buffer.concat(said).toString()]));
    });
    request.on("timeout", () => request.destroy(new Error("no answer")));
    request.on("error", (error) => resolve(`failed: ${error.message}`));
    request.end(body === null ? undefined : Buffer.from(body, "utf8"));
  });
}

process.on("unhandledRejection", () => {});
const servers = {};
for (const { name, document } of given.documents) servers[name] = await serve(document);
const verdicts = [];
for (const request of given.requests) verdicts.push(await ask(servers[request.document].address().port, request));
for (const server of Object.values(servers)) server.close();
process.stdout.write(JSON.stringify(verdicts), () => process.exit(0));

// Servers that fail on purpose: one that follows a script, and one between a client and the sandbox.
import { createServer, request } from "node:http";
import { once } from "node:events";
import { world } from "./sandbox.mjs";

async function listen(t, handle) {
  const server = createServer(handle);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => (server.closeAllConnections(), server.close()));
  return `http://127.0.0.1:${server.address().port}`;
}

/** A server that answers its n-th request by the n-th of these, each given (request, response), and keeps the requests. */
export async function scripted(t, ...answers) {
  const requests = [];
  const baseUrl = await listen(t, async (incoming, response) => {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const seen = { method: incoming.method, url: incoming.url, headers: incoming.headers, body: Buffer.concat(chunks).toString() };
    const answer = answers[Math.min(requests.push(seen), answers.length) - 1];
    answer(seen, response);
  });
  return { baseUrl, requests };
}

/** An answer of the Wallet API's kind. */
export function answer(status, body, headers = {}) {
  return (_, response) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
}

export const hangUp = (_, response) => response.destroy();
export const sayNothing = () => {};
export const stopHalfway = (_, response) => {
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "100" });
  response.write('{"id":');
};

/**
 * A proxy before the sandbox. `trouble(n)` says what happens to the n-th request: undefined for nothing, `before` for an
 * answer of its own without asking the server, `after` for the loss of the server's answer.
 */
export async function troubled(t, trouble) {
  let count = 0;
  const { hostname, port } = new URL(world.base_url);
  return listen(t, (incoming, response) => {
    const what = trouble(count++);
    if (what?.before) {
      incoming.resume();
      what.before(undefined, response);
      return;
    }
    // The headers as they came: the client signed this host.
    const { method, url: path, headers } = incoming;
    const onward = request({ hostname, port, method, path, headers }, (answered) => {
      if (what?.after) {
        answered.resume();
        answered.on("end", () => response.destroy());
        return;
      }
      response.writeHead(answered.statusCode, answered.headers);
      answered.pipe(response);
    });
    onward.on("error", () => response.destroy());
    incoming.pipe(onward);
  });
}

/** Numbers from 0 to 1 that are the same for the same seed. */
export function seeded(seed) {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
}

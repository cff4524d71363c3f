// Runs the tests against a server of their own: `purser dev` on a free port, with a new sample world in a temporary
// folder. Arguments name single test files.
//
//   PURSER_BIN=FILE            the server to start, which is built otherwise
//   PURSER_TEST_PAYMENTS=1000  how many payments to make while three answers in ten get lost (40)
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const repository = join(here, "../../..");
const folder = mkdtempSync(join(tmpdir(), "purser-sdk-"));

function buildServer() {
  const binary = join(folder, "purser");
  const built = spawnSync(process.env.GO || "go", ["build", "-o", binary, "./cmd/purser"], { cwd: repository, stdio: "inherit" });
  if (built.status !== 0) throw new Error("go build failed", { cause: built.error });
  return binary;
}

async function startServer(binary) {
  const data = join(folder, "data");
  const arguments_ = ["dev", "--fresh", "--data", data, "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0"];
  const server = spawn(binary, arguments_, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  server.stderr.on("data", (text) => (said = (said + text).slice(-10_000)));
  const manifest = join(data, "sandbox.json"); // is there once the server answers
  for (const end = Date.now() + 120_000; !existsSync(manifest); ) {
    if (server.exitCode !== null || Date.now() > end) {
      server.kill();
      throw new Error(`the server did not start:\n${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { server, manifest };
}

let server;
let status = 1;
try {
  const binary = process.env.PURSER_BIN ?? buildServer();
  const started = await startServer(binary);
  server = started.server;
  const named = process.argv.slice(2);
  const files = named.length ? named : readdirSync(here).filter((name) => name.endsWith(".test.mjs")).map((name) => join(here, name));
  const env = { ...process.env, PURSER_TEST_SANDBOX: started.manifest, PURSER_TEST_BINARY: binary };
  // One file after another: they share the sample world, and compare lists of what is in it.
  const tests = spawn(process.execPath, ["--test", "--test-concurrency=1", "--test-reporter=spec", ...files], { env, stdio: "inherit" });
  status = await new Promise((resolve) => tests.on("close", (code) => resolve(code ?? 1)));
} finally {
  if (server) {
    const ended = new Promise((resolve) => server.on("close", resolve));
    server.kill();
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
}
process.exit(status);

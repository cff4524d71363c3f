// Runs the tests against a server of their own: `purser dev` on a free port, with a new sample world in a temporary
// folder. Arguments name single test files.
//
//   PURSER_BIN=FILE            the server to start, which is built otherwise
//   PURSER_TEST_PAYMENTS=1000  how many payments to make while three answers in ten get lost (40)
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startServer } from "./server.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const repository = join(here, "../../..");
const folder = mkdtempSync(join(tmpdir(), "purser-sdk-"));

function buildServer() {
  const binary = join(folder, "purser");
  const built = spawnSync(process.env.GO || "go", ["build", "-o", binary, "./cmd/purser"], { cwd: repository, stdio: "inherit" });
  if (built.status !== 0) throw new Error("go build failed", { cause: built.error });
  return binary;
}

let server;
let status = 1;
try {
  const binary = process.env.PURSER_BIN ?? buildServer();
  const started = await startServer(binary, join(folder, "data"));
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

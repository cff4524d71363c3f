// Starts a `purser dev` of its own, with a new sample world.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Starts a server on a free port; `manifest` is the file with its credentials. */
export async function startServer(binary, data) {
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

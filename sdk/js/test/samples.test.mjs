// The code samples of the public documentation, each as it stands there.
//
// A file of samples/ is a sample with a few lines of set-up above and of checks below, which are one program. The
// documentation leaves gaps for the reader to fill in, and only they are filled in.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { PayseraClient } from "purser-wallet";
import * as sandbox from "./sandbox.mjs";

const folder = new URL("./samples/", import.meta.url);
const [before, after] = ["// --- the sample ---\n", "// --- the end of the sample ---\n"];
const { clientId, macKey } = sandbox.credentials("shop");
const orderedPayment = '{ description: "Order 88", price: 2599, currency: "EUR" }';

/** What stands in a sample's gaps. A sample has exactly these. */
const gaps = {
  "configuration.js": { your_client_id: clientId, your_mac_key: macKey },
  "ensure_access.js": { "1221, ... }": "1221, ...rest }" },
  "quick_start.js": { your_client_id: clientId, your_mac_key: macKey },
  "several_projects.js": { "/* ... */": orderedPayment },
  "single_project.js": { "/* ... */": orderedPayment },
  "store_configuration.js": { your_client_id: clientId },
};

/** A sample, and the program that it is part of. */
function read(name) {
  const text = readFileSync(new URL(name, folder), "utf8");
  const [setup, rest, nothing] = text.split(before);
  const [sample, checks, more] = rest.split(after);
  assert.equal(nothing ?? more, undefined, "the marks stand once");
  return { setup, sample, checks };
}

function fill(name, sample) {
  let filled = sample;
  for (const [gap, value] of Object.entries(gaps[name] ?? {})) {
    assert.equal(filled.split(gap).length, 2, `${gap} stands once`);
    filled = filled.replace(gap, () => value);
  }
  assert.doesNotMatch(filled, /your_|\/\* \.\.\. \*\/|\.\.\. /, "no gap is left");
  return filled;
}

/** One sample is two files, the first of which its first line names: that one is written, and the other one is left. */
function separate(sample, t) {
  const [, name, content, program] = /^\/\/ (\S+\.json)\n(.*?)(\/\/ .*)$/s.exec(sample) ?? [];
  if (!name) return { program: sample, require: createRequire(import.meta.url) };
  const place = mkdtempSync(join(tmpdir(), "purser-sample-"));
  t.after(() => rmSync(place, { recursive: true }));
  writeFileSync(join(place, name), content);
  return { program, require: createRequire(join(place, "program.js")) };
}

async function run(name, t) {
  const { setup, sample, checks } = read(name);
  const { program, require } = separate(fill(name, sample), t);
  const lines = [];
  const print = (...values) => void lines.push(values.map(String).join(" "));
  const names = { ...sandbox, assert, require, PayseraClient, console: { log: print, error: print }, printed: () => lines };
  const AsyncFunction = run.constructor;
  // The block lets a sample have names of its own for what it is given.
  const text = `"use strict"; {\n${setup}${program}${checks}}\n//# sourceURL=${name}`;
  await new AsyncFunction(...Object.keys(names), text)(...Object.values(names));
}

const samples = readdirSync(folder).filter((name) => name.endsWith(".js"));
for (const name of samples) test(`the sample ${name}`, (t) => run(name, t));

test("gaps are those of samples that are there", () => {
  for (const name of Object.keys(gaps)) assert.ok(samples.includes(name), name);
});

test("a transaction as it stands in two samples asks for nothing, and is refused for that alone", async () => {
  const asked = sandbox.clientOf("shop").createTransaction({ project_id: 1221, payments: [/* ... */] });
  await assert.rejects(asked, (error) => error.code === "invalid_parameters" && "payments" in error.properties);
});

// Node's "spec" report with its closing summary moved to the end, behind the details of the failures.
// Plain JavaScript: Node 20 loads a reporter before it can read TypeScript.
import { PassThrough, Readable } from "node:stream";
import { spec as Spec } from "node:test/reporters";

const summaryLine = /^(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

/** A reporter for `node --test --test-reporter`. */
export default async function* report(events) {
  const summary = [];
  const body = Readable.from(withoutSummary(events, summary)).pipe(new Spec()).pipe(new PassThrough());
  for await (const text of body) yield String(text);
  yield `\n${summary.map((line) => `ℹ ${line}\n`).join("")}`;
}

async function* withoutSummary(events, summary) {
  for await (const event of events) {
    const message = event.type === "test:diagnostic" && event.data.nesting === 0 ? event.data.message : "";
    if (summaryLine.test(message)) summary.push(message);
    else yield event;
  }
}

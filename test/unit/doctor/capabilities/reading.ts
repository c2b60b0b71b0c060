// What the tests of reading capabilities share: reading what must be readable, and what must be refused.
import assert from "node:assert/strict";
import { readCapabilities, type CapabilitiesRead } from "../../../../tools/doctor/capabilities/read-capabilities.ts";

/** What was read, or a failure with the refusal. */
export function read(text: string): CapabilitiesRead {
  const result = readCapabilities(text);
  if ("reason" in result) assert.fail(`line ${result.line}: ${result.reason}`);
  return result;
}

/** Names and values that were read, without lines. */
export function valuesOf(text: string): Record<string, bigint> {
  return Object.fromEntries([...read(text).values].map(([name, { value }]) => [name, value]));
}

/** Asserts that the text is refused at `line` with a sentence that matches. */
export function assertRefused(text: string, line: number, reason: RegExp): void {
  const result = readCapabilities(text);
  if (!("reason" in result)) assert.fail(`read ${[...result.values.keys()].join(", ")} from ${text}`);
  assert.equal(result.line, line, result.reason);
  assert.match(result.reason, reason);
  assert.match(result.reason, /^Found .*\.$/);
}

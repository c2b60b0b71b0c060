// The host's side of the watch action emulate: the record's reader, and the dialogue with Basalt.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fletcher } from "../../../tools/emulate/fletcher.ts";
import { loadTool } from "../../../tools/emulate/load-tool.ts";
import { parseRecord } from "../../../tools/emulate/record.ts";
import { HostSession, type EmulateTool } from "../../../tools/emulate/session.ts";
import { SerialSocket } from "../../../tools/emulators/serial-socket.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "basalt-emulate-"));
});
after(() => rm(directory, { recursive: true }));

/** A record whose numbers count up from 1 behind the first line. The page is full of its rows' numbers. */
function recordLines(): string[] {
  const numbers = [2n, 0n, 0n, 0x14n, 0x30005n, 0x30005n];
  const lines = ["version 2 vm 0 vcpu 0 access 0x14 gpa 0x30005 linear 0x30005"];
  const add = (...names: string[]): void => {
    const words = names.map((name) => {
      const number = BigInt(numbers.length + 1);
      numbers.push(number);
      return `${name} 0x${number.toString(16)}`;
    });
    lines.push(words.join(" "));
  };
  add("rax", "rcx", "rdx", "rbx");
  add("rsp", "rbp", "rsi", "rdi");
  add("r8", "r9", "r10", "r11");
  add("r12", "r13", "r14", "r15");
  add("rip", "rflags", "efer");
  add("cr0", "cr2", "cr3", "cr4");
  for (const name of ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"]) {
    add(name, `${name}-base`, `${name}-limit`, `${name}-rights`);
  }
  add("gdtr-base", "gdtr-limit", "idtr-base", "idtr-limit");
  const page = Buffer.alloc(4096, Buffer.from(Array.from({ length: 4096 }, (_, i) => i >> 6)));
  for (let at = 0; at < 4096; at += 64) {
    const place = (0x30000 + at).toString(16).padStart(16, "0");
    lines.push(`page 0x${place} ${page.subarray(at, at + 64).toString("hex")}`);
  }
  const bytes = Buffer.alloc(8 * numbers.length);
  numbers.forEach((number, i) => bytes.writeBigUInt64LE(number, 8 * i));
  lines.push(
    `end 0x${fletcher(Buffer.concat([bytes, page]))
      .toString(16)
      .padStart(8, "0")}`,
  );
  return lines;
}

describe("a record", () => {
  test("is read: the access, the registers, the page", () => {
    const record = parseRecord(recordLines());
    assert.deepEqual([record.version, record.vm, record.access, record.gpa], [2, 0, 0x14, 0x30005n]);
    assert.deepEqual([record.registers["rax"], record.registers["r15"]], [7n, 22n]);
    assert.equal(record.registers["idtr-limit"], BigInt(6 + 16 + 3 + 4 + 32 + 4));
    assert.deepEqual([record.page.length, record.page[64], record.page[4095]], [4096, 1, 63]);
  });

  for (const [what, change, sentence] of [
    ["of another version", (l: string[]) => l.with(0, l[0]!.replace("version 2", "version 3")), /has version 3/],
    ["that lost its first line", (l: string[]) => l.slice(1), /it starts with "rax/],
    ["that lost a line of registers", (l: string[]) => l.toSpliced(2, 1), /a line says "r8 /],
    ["that lost its last registers", (l: string[]) => l.toSpliced(15, 1), /it lacks gdtr-base/],
    ["that lost a row of the page", (l: string[]) => l.toSpliced(20, 1), /its page has 4032 bytes/],
    ["with a wrong digit", (l: string[]) => l.with(1, l[1]!.replace("rax 0x7", "rax 0x8")), /but its sum is/],
    ["with a damaged number", (l: string[]) => l.with(1, l[1]!.replace("rax 0x7", "rax 0y7")), /a line says "rax 0y7/],
    ["with a damaged row", (l: string[]) => l.with(20, l[20]!.slice(0, -1)), /a line says "page/],
    ["with two rows in each other's place", (l: string[]) => l.with(20, l[21]!).with(21, l[20]!), /a line says "page/],
    ["without its end", (l: string[]) => l.slice(0, -1), /its page has 4032 bytes/],
  ] as const) {
    test(`${what} is refused`, () => {
      assert.throws(() => parseRecord(change(recordLines())), sentence);
    });
  }
});

/** Plays Basalt: sends a record, and answers each command by `answer`. Settles when the session has ended. */
async function hold(tool: EmulateTool, answer: (command: string) => string): Promise<string[]> {
  const commands: string[] = [];
  const events = new EventEmitter();
  const isGone = once(events, "gone");
  const session = new HostSession(tool, (command) => {
    commands.push(command);
    session.receive(`basalt: emulate: vm0: ${answer(command)}`);
    if (/^(resume|skip|release|stop)/.test(command)) events.emit("gone");
  });
  for (const line of recordLines()) session.receive(`basalt: record: vm0: ${line}`);
  session.receive("basalt: vm0: a line of the guest's own");
  session.receive("basalt: emulate: vm0: waits");
  await isGone;
  await session.end();
  return commands;
}

const echo = (command: string): string => `ok ${command}`;

describe("the tool", () => {
  test("gets the record, and its commands reach Basalt one after the other", async () => {
    const commands = await hold(async (record, guest) => {
      await guest.set("rax", record.registers["rax"]! + 1n);
      await guest.set("rdx", -1);
      await guest.resume();
    }, echo);
    assert.deepEqual(commands, ["set rax 0x8", "set rdx 0xffffffffffffffff", "resume"]);
  });

  test("writes and reads in pieces that a line holds", async () => {
    const written = Buffer.alloc(100, 0x5a);
    const commands = await hold(
      async (_record, guest) => {
        await guest.write(0x1000, written);
        assert.deepEqual(await guest.read(0x1000n, 200), Buffer.alloc(200, 0x11));
        await guest.skip(2);
      },
      (command) => {
        const [verb, where, what = ""] = command.split(" ");
        if (verb === "read") return `ok read ${where} ${"11".repeat(Number(what))}`;
        if (verb !== "write") return `ok ${verb}`;
        return `ok write ${where} 0x${fletcher(Buffer.from(what, "hex")).toString(16).padStart(8, "0")}`;
      },
    );
    assert.deepEqual(
      commands.map((command) => command.split(" ").slice(0, 2).join(" ")),
      ["write 0x1000", "write 0x1040", "read 0x1000", "read 0x1080", "skip 0x2"],
    );
  });

  for (const [what, tool, answer, sentence] of [
    ["that returns without a word of how the guest goes on", () => {}, echo, /returned without resume/],
    [
      "whose command Basalt refuses",
      (_r, guest) => guest.set("cr9", 0),
      (command) => (command === "stop" ? "ok stop" : "error: no such register can be set"),
      /Basalt refused a command of the tool: no such register/,
    ],
    [
      "whose write did not arrive as it was sent",
      (_r, guest) => guest.write(0, Uint8Array.of(1)),
      (command) => (command === "stop" ? "ok stop" : "ok write 0x0 0x00000000"),
      /expected "write 0x0 0x00010001"/,
    ],
    [
      "that throws",
      () => {
        throw new Error("the tool's own");
      },
      echo,
      /the tool's own/,
    ],
  ] satisfies [string, EmulateTool, (command: string) => string, RegExp][]) {
    test(`${what} ends its VM, and the run with that error`, async () => {
      await assert.rejects(hold(tool, answer), sentence);
    });
  }

  test("takes no command when the guest has gone on", async () => {
    await hold(async (_record, guest) => {
      await guest.resume();
      await assert.rejects(guest.set("rax", 1), /has gone on/);
    }, echo);
  });

  test("is not called for a record that is damaged", async () => {
    const session = new HostSession(
      () => assert.fail("the tool was called"),
      () => {},
    );
    session.receive("basalt: record: vm0: version 2 vm 0");
    session.receive("basalt: emulate: vm0: waits");
    await assert.rejects(session.end(), /is damaged/);
  });
});

describe("--emulate", () => {
  const append = "guest=unpack watch=0:30000-31000:nofetch:emulate";

  test("refuses a file that is not there, is no module, or exports no function", async () => {
    const [broken, empty] = [join(directory, "broken.mjs"), join(directory, "empty.mjs")];
    await writeFile(broken, "export default (");
    await writeFile(empty, "export const tool = 1;");
    await assert.rejects(loadTool(join(directory, "none.mjs"), append), /There is no file/);
    await assert.rejects(loadTool(broken, append), /cannot be loaded: SyntaxError/);
    await assert.rejects(loadTool(empty, append), /no function as its default export/);
  });

  test("refuses boot options without a watch that asks", async () => {
    const tool = join(directory, "tool.mjs");
    await writeFile(tool, "export default async (record, guest) => guest.resume();");
    await assert.rejects(loadTool(tool, "guest=unpack watch=0:30000-31000:nofetch:dump"), /waits for a watch/);
    assert.equal(typeof (await loadTool(tool, append)), "function");
  });
});

test("the serial line by a socket carries lines both ways, and is kept in a file", async () => {
  const path = join(directory, "serial.txt");
  const events = new EventEmitter();
  const received = once(events, "line");
  const serial = await SerialSocket.open(path, (line) => events.emit("line", line));
  const machine = connect(serial.port, "127.0.0.1");
  machine.write("basalt: emulate: vm0: waits\r\n");
  assert.deepEqual(await received, ["basalt: emulate: vm0: waits"]);
  serial.send("resume");
  const [sent] = (await once(machine, "data")) as [Buffer];
  assert.equal(String(sent), "resume\n");
  machine.end("basalt: the last");
  await serial.ended();
  serial.close();
  assert.deepEqual(serial.lines, ["basalt: emulate: vm0: waits", "basalt: the last"]);
  assert.equal(readFileSync(path, "utf8"), serial.text);
});

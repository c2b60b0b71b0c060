// The host's side of a watch with the action `emulate`: hands each stopped guest to a tool, and its commands to Basalt.
import { ToolError } from "../errors.ts";
import { fletcher } from "./fletcher.ts";
import { RecordReader, type StopRecord } from "./record.ts";

/** What the user's module exports. */
export type EmulateTool = (record: StopRecord, guest: StoppedGuest) => unknown;

const recordLine = /^basalt: record: vm(\d+): (.*)$/;
const answerLine = /^basalt: emulate: vm\d+: (ok|error:) (.*)$/;
const waitingLine = /^basalt: emulate: vm(\d+): waits$/;
/** A line to Basalt has 200 bytes; this many fit one `write` with their address. */
const bytesAWrite = 64;
const bytesARead = 128;

interface Pending {
  readonly resolve: (answer: string) => void;
  readonly reject: (error: Error) => void;
}

/** A guest that waits before an instruction. Each method is a command to Basalt; it rejects where Basalt refuses. */
export class StoppedGuest {
  readonly #send: (command: string) => Promise<string>;
  /** The tool has said how the guest goes on. */
  isGone = false;

  constructor(send: (command: string) => Promise<string>) {
    this.#send = send;
  }

  /** Sets a general register, "rip", "rflags" or "cr2". */
  async set(register: string, value: bigint | number): Promise<void> {
    const number = hex(value);
    const answer = await this.#command(`set ${register} ${number}`);
    if (answer !== `set ${register} ${number}`) throw new ToolError("panic", `Basalt answered "${answer}".`);
  }

  /** The bytes at a guest-physical address. */
  async read(gpa: bigint | number, length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let at = 0; at < length; at += bytesARead) {
      const where = hex(BigInt(gpa) + BigInt(at));
      const count = Math.min(bytesARead, length - at);
      const answer = await this.#command(`read ${where} ${hex(count)}`);
      const part = Buffer.from(/^read \S+ ([0-9a-f]+)$/.exec(answer)?.[1] ?? "", "hex");
      if (part.length !== count) throw new ToolError("panic", `Basalt answered "${answer}".`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  /** Writes bytes to a guest-physical address; Basalt's sum of what lies there then is compared. */
  async write(gpa: bigint | number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += bytesAWrite) {
      const part = Buffer.from(bytes.subarray(at, at + bytesAWrite));
      const where = hex(BigInt(gpa) + BigInt(at));
      const answer = await this.#command(`write ${where} ${part.toString("hex")}`);
      const expected = `write ${where} 0x${fletcher(part).toString(16).padStart(8, "0")}`;
      if (answer !== expected) throw new ToolError("panic", `Basalt answered "${answer}", expected "${expected}".`);
    }
  }

  /** Has the instruction executed, and the page watched again behind it. After `set("rip", …)` the guest goes on there. */
  async resume(): Promise<void> {
    await this.#goOn("resume");
  }

  /** Goes on behind the instruction, which has `length` bytes, without executing it. */
  async skip(length: number): Promise<void> {
    await this.#goOn(`skip ${hex(length)}`);
  }

  /** Has the page watched no more. */
  async release(): Promise<void> {
    await this.#goOn("release");
  }

  /** Ends the VM. */
  async stop(): Promise<void> {
    await this.#goOn("stop");
  }

  async #goOn(command: string): Promise<void> {
    await this.#command(command);
    this.isGone = true;
  }

  #command(command: string): Promise<string> {
    if (this.isGone) throw new ToolError("usage", `The guest has gone on; it takes no "${command}" any more.`);
    return this.#send(command);
  }
}

/** Reads the serial line for records, and has `tool` called for each guest that waits. */
export class HostSession {
  readonly #tool: EmulateTool;
  readonly #send: (line: string) => void;
  readonly #records = new RecordReader();
  #pending: Pending | null = null;
  #running: Promise<void> = Promise.resolve();
  #failure: Error | null = null;
  #hasEnded = false;

  constructor(tool: EmulateTool, send: (line: string) => void) {
    this.#tool = tool;
    this.#send = send;
  }

  /** Takes a line of the serial line; most are none of the protocol's. */
  receive(line: string): void {
    const [, vm, text] = recordLine.exec(line) ?? [];
    if (text !== undefined) return this.#records.receive(Number(vm), text);
    const [, status, answer = ""] = answerLine.exec(line) ?? [];
    if (status !== undefined) return this.#answer(status === "ok", answer);
    const waiting = waitingLine.exec(line)?.[1];
    if (waiting !== undefined) this.#running = this.#hand(Number(waiting));
  }

  /** The machine has ended. Throws what went wrong with the tool or a record, if something did. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    this.#pending?.reject(new ToolError("guest", "The machine ended before Basalt answered."));
    await this.#running;
    if (this.#failure !== null) throw this.#failure;
  }

  #answer(isDone: boolean, answer: string): void {
    const pending = this.#pending;
    this.#pending = null;
    if (isDone) pending?.resolve(answer);
    else pending?.reject(new ToolError("usage", `Basalt refused a command of the tool: ${answer}.`));
  }

  async #hand(vm: number): Promise<void> {
    const guest = new StoppedGuest((command) => this.#command(command));
    try {
      await this.#tool(this.#records.take(vm), guest);
      if (!guest.isGone) {
        throw new ToolError("usage", "The tool returned without resume, skip, release or stop. Call one of them.");
      }
    } catch (error) {
      this.#failure ??= error as Error;
      if (!guest.isGone && !this.#hasEnded) this.#send("stop");
    }
  }

  #command(command: string): Promise<string> {
    if (this.#hasEnded) throw new ToolError("guest", "The machine has ended.");
    if (this.#pending !== null) throw new ToolError("usage", `"${command}" came before the last command was awaited.`);
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#send(command);
    });
  }
}

function hex(value: bigint | number): string {
  return `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
}
